/** Runs model files for the import's calibration. */
import { Tensor } from 'onnxruntime-node';
import type { HostTensor, OpenGraph } from '../import/open-graph.ts';
import { openSession } from './open-session.ts';

export function createOpenGraph(options: { threads: number }): OpenGraph {
  return async (path) => {
    const session = await openSession(path, options);
    return {
      async run(feeds, names) {
        const tensors = Object.entries(feeds).map(([name, feed]) => [name, toTensor(feed)] as const);
        const outputs = await session.run(Object.fromEntries(tensors), names ?? session.outputNames);
        return Object.fromEntries(
          Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]),
        );
      },
      close: () => session.release(),
    };
  };
}

function toTensor({ data, dims }: HostTensor): Tensor {
  if (data instanceof Float32Array) return new Tensor('float32', data, dims);
  if (data instanceof Int32Array) return new Tensor('int32', data, dims);
  return new Tensor('int64', data, dims);
}
