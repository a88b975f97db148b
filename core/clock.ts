/** Monotonic time in milliseconds. Passed in as an argument wherever time matters, so that tests own it. */
export interface Clock {
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => performance.now() };
