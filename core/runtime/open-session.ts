/** Sessions of onnxruntime as all engines want them. */
import { InferenceSession } from 'onnxruntime-node';

/**
 * Without VNNI, the fast u8 × s8 kernels add pairs of products in 16 bits and saturate: a few large weights then give
 * wrong sums. This makes such machines, and only those, take the slower kernels whose sums are exact.
 */
const exactSums = { x64quantprecision: '1' };

/**
 * Threads spin for their next piece of work within a run, and else for some milliseconds after it: with several engines and a
 * trainer on few cores that is what somebody else computes with.
 */
const noSpinningBetweenRuns = { force_spinning_stop: '1' };

/** Throws what the runtime throws. */
export function openSession(path: string, options: { readonly threads: number }): Promise<InferenceSession> {
  return InferenceSession.create(path, {
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Shapes change with every run: memory patterns would be planned, and kept, for each of them.
    enableMemPattern: false,
    extra: { session: { ...exactSums, ...noSpinningBetweenRuns } },
  });
}
