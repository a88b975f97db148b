/** What a candidate is held to. */
export interface GateOptions {
  /** Mean KL(base ‖ candidate) at places of the gate's passages, nats. */
  readonly maxDivergence: number;
  /** Perplexity of the passages over the parent's, and over the base's, as a share: 0.01 is one per cent. */
  readonly maxDriftPerUpdate: number;
  readonly maxDriftInAll: number;
  /** Mean log p of a new answer's tokens from which on it counts as learned. */
  readonly minLearnedLogprob: number;
  /** Of the earlier answers looked at that were right: the share that may be lost. */
  readonly maxLostShare: number;
  /** Mean log p that a canary's answer may lose, nats a token. */
  readonly maxCanaryLoss: number;
  /** Passages, earlier answers and canaries that one gate looks at. */
  readonly numPassages: number;
  readonly numEarlier: number;
  readonly numCanaries: number;
}

export const gateDefaults: GateOptions = {
  maxDivergence: 0.05,
  maxDriftPerUpdate: 0.01,
  maxDriftInAll: 0.05,
  minLearnedLogprob: -0.7,
  maxLostShare: 0.15,
  maxCanaryLoss: 0.3,
  numPassages: 3,
  numEarlier: 3,
  numCanaries: 2,
};
