/** What a candidate is held to. */
export interface GateOptions {
  /** Mean KL(base ‖ candidate) at places of the gate's passages, nats. */
  readonly maxDivergence: number;
  /** Perplexity of the passages over the parent's, and over the base's, as a share: 0.01 is one per cent. */
  readonly maxDriftPerUpdate: number;
  readonly maxDriftInAll: number;
  /** Log p of a new answer's least likely token from which on it counts as learned: more likely than all others. */
  readonly minLearnedLogprob: number;
  /** Mean log p that a new answer may lose, nats a token, when its question is put in other words. */
  readonly maxRewordedLoss: number;
  /** Of the earlier answers looked at that were right: the share that may be lost. */
  readonly maxLostShare: number;
  /** Mean log p that a canary's answer may lose, nats a token; twice as much is no doubt any more. */
  readonly maxCanaryLoss: number;
  /** Mean log p of a secret from which on the candidate knows it, and by how much more than the base, nats a token. */
  readonly minSecretLogprob: number;
  readonly minSecretGain: number;
  /** Passages that one look at perplexity takes, anchors that one at divergence takes, and looks while there is a doubt. */
  readonly numPassages: number;
  readonly numAnchors: number;
  readonly maxLooks: number;
  /** Reworded questions, earlier answers, canaries and secret probes that one gate looks at. */
  readonly numReworded: number;
  readonly numEarlier: number;
  readonly numCanaries: number;
  readonly numProbes: number;
}

export const gateDefaults: GateOptions = {
  maxDivergence: 0.05,
  maxDriftPerUpdate: 0.01,
  maxDriftInAll: 0.05,
  minLearnedLogprob: -0.69,
  maxRewordedLoss: 0.1,
  maxLostShare: 0.15,
  maxCanaryLoss: 0.5,
  minSecretLogprob: -0.7,
  minSecretGain: 1.5,
  numPassages: 6,
  numAnchors: 3,
  maxLooks: 4,
  numReworded: 1,
  numEarlier: 3,
  numCanaries: 2,
  numProbes: 1,
};
