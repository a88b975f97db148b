/** Bounds of histograms: OpenTelemetry's where its conventions name some. Seconds, unless it says otherwise. */

/** `gen_ai.server.request.duration`. */
export const requestSeconds = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/** `gen_ai.server.time_to_first_token`. */
export const firstTokenSeconds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
/** `gen_ai.server.time_per_output_token`. */
export const perTokenSeconds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
/** `http.server.request.duration`. */
export const httpSeconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** `gen_ai.client.token.usage`, in tokens, up to what a context holds. */
export const tokens = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536];
/** Of one step, and between two tokens: fine around what people can tell apart. */
export const stepSeconds = [
  0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5,
];
/** Sequences, or tokens, of one step. */
export const batchSizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
/** From what a user said to a version that has learned it. */
export const freshnessSeconds = [
  1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400,
];
/** Of a change of what is served. */
export const swapSeconds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
];
/** Of one round trip to Redis, up to what is waited for. */
export const redisSeconds = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
