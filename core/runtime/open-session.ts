/** Sessions of onnxruntime as all engines want them. */
import { InferenceSession } from 'onnxruntime-node';

/**
 * Without VNNI, the fast u8 × s8 kernels add pairs of products in 16 bits and saturate: a few large weights then give
 * wrong sums. This makes such machines, and only those, take the slower kernels whose sums are exact.
 */
const exactSums = { session: { x64quantprecision: '1' } };

/** Throws what the runtime throws. */
export function openSession(path: string, options: { readonly threads: number }): Promise<InferenceSession> {
  return InferenceSession.create(path, {
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Shapes change with every run: memory patterns would be planned, and kept, for each of them.
    enableMemPattern: false,
    extra: exactSums,
  });
}
