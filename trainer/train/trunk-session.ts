/** The layers below the trained ones. What they make of a text never changes, so that it is computed once and kept. */
import { emitTrunk } from '../../core/arch/training-graph.ts';
import type { OpenedGraph, OpenGraph } from '../../core/import/open-graph.ts';
import { GraphBuilder } from '../../core/onnx/graph.ts';
import { type BaseWeights, dataFile } from './base-weights.ts';
import { groupsOf, packedTokens } from './groups.ts';
import { Layout } from './layout.ts';
import type { Text } from './lesson.ts';
import { openWritten } from './open-written.ts';

export interface TrunkSession {
  /** The texts with their residual, where there are frozen layers. */
  prepare<T extends Omit<Text, 'residual'> | Omit<Text, 'residual' | 'from'>>(
    texts: readonly T[],
  ): Promise<readonly (T & Pick<Text, 'residual'>)[]>;
  close(): Promise<void>;
}

/** Writes its graph beside the base weights. */
export async function openTrunkSession(
  base: BaseWeights,
  firstLayer: number,
  open: OpenGraph,
): Promise<TrunkSession> {
  if (firstLayer === 0) return { prepare: async (texts) => texts, close: async () => {} };
  const { config, weights } = base;
  const graph = new GraphBuilder(dataFile);
  const residual = emitTrunk(graph, config, weights, firstLayer);
  graph.output('residual_out', 'float32', [1, 'T', config.hiddenSize]);
  graph.nodeInto(['residual_out'], 'Identity', [residual]);
  const opened = await openWritten(open, base.folder, 'trunk', graph.finish(`${config.family}-trunk`));
  return {
    async prepare(texts) {
      const residuals: Float32Array[] = [];
      for (const group of groupsOf(texts, ({ tokens }) => tokens.length, packedTokens(config)))
        residuals.push(...(await run(opened, new Layout(group, config), group, config.hiddenSize)));
      return texts.map((text, index) => ({ ...text, residual: residuals[index]! }));
    },
    close: () => opened.close(),
  };
}

async function run(
  opened: OpenedGraph,
  layout: Layout,
  texts: readonly { readonly tokens: readonly number[] }[],
  width: number,
): Promise<Float32Array[]> {
  const { residual_out: all } = await opened.run(layout.tokenFeeds());
  return texts.map(({ tokens }, text) => {
    const own = new Float32Array(tokens.length * width);
    for (let token = 0; token < tokens.length; token++) {
      const row = layout.rowOf(text, token);
      own.set(all!.subarray(row * width, (row + 1) * width), token * width);
    }
    return own;
  });
}
