/** Dense products on the runtime's kernels, for the few that are too large for plain loops. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphBuilder } from '../onnx/graph.ts';
import type { OpenGraph } from './open-graph.ts';

/** Row-major fp32. */
export interface Dense {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

export interface TransposedProduct {
  /** aᵀ·b of a [k, n] and b [k, m]; its data is [n, m]. */
  of(a: Dense, b: Dense): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Writes its graph into `folder`. */
export async function createTransposedProduct(open: OpenGraph, folder: string): Promise<TransposedProduct> {
  const graph = new GraphBuilder('');
  const a = graph.input('a', 'float32', ['K', 'N']);
  const b = graph.input('b', 'float32', ['K', 'M']);
  graph.output('product', 'float32', ['N', 'M']);
  graph.nodeInto(['product'], 'MatMul', [graph.node('Transpose', [a], { perm: { ints: [1, 0] } }), b]);
  const path = join(folder, 'product.onnx');
  await writeFile(path, graph.finish('product'));
  const feed = ({ rows, columns, data }: Dense) => ({ dims: [rows, columns], data });
  const opened = await open(path);
  return {
    of: async (left, right) => (await opened.run({ a: feed(left), b: feed(right) })).product!,
    close: () => opened.close(),
  };
}
