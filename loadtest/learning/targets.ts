/** What the figures are held to. */
export const targets = {
  memoryFreshnessP95Ms: 1_000,
  weightsFreshnessP50Ms: 8_000,
  weightsFreshnessP95Ms: 20_000,
  exactRecall: 0.9,
  paraphraseRecall: 0.5,
  exactRecallWithMemory: 0.9,
  paraphraseRecallWithMemory: 0.75,
  falseMatches: 0.01,
  driftPerUpdate: 0.01,
  driftAfterAll: 0.05,
  earlierStillRight: 0.85,
  /** Inter-token p99 and tokens per second while training, over those while it rests. */
  interTokenP99Ratio: 1.3,
  throughputRatio: 0.7,
  rollbackMs: 1_000,
  swapAddedP99Ms: 1,
  /** Growth of resident memory over the swaps. */
  memoryGrowth: 0.05,
  triggerSuccess: 0.05,
} as const;
