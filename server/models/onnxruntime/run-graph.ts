/** Runs a model file once, for the import's calibration. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { HostTensor, RunGraph } from '../../../core/import/calibrate.ts';

export function createRunGraph(options: { threads: number }): RunGraph {
  return async (path, feeds) => {
    const session = await InferenceSession.create(path, {
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'basic',
    });
    try {
      const tensors = Object.entries(feeds).map(([name, feed]) => [name, toTensor(feed)] as const);
      const outputs = await session.run(Object.fromEntries(tensors));
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]),
      );
    } finally {
      await session.release();
    }
  };
}

function toTensor({ data, dims }: HostTensor): Tensor {
  if (data instanceof Float32Array) return new Tensor('float32', data, dims);
  if (data instanceof Int32Array) return new Tensor('int32', data, dims);
  return new Tensor('int64', data, dims);
}
