/**
 * The scoring graph of a served version with adapters beside its linears: what clients are answered with today, in the
 * version's own precision and basis. What is merged and quantized anew is compared with this.
 */
import { constants } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ServedAdapter, servedName } from '../../core/adapter/served.ts';
import type { DecoderConfig } from '../../core/arch/config.ts';
import type { DecoderPlugs, DecoderWeights } from '../../core/arch/decoder.ts';
import { emitScoringGraph } from '../../core/arch/scoring-graph.ts';
import { dataFile } from '../../core/import/import.ts';
import type { HostTensor } from '../../core/import/open-graph.ts';
import type { GraphBuilder } from '../../core/onnx/graph.ts';
import type { ScoringGraph } from './score-texts.ts';

export interface AdaptedVersion {
  /** A verified version folder of a decoder. */
  readonly folder: string;
  readonly config: DecoderConfig;
  readonly weights: DecoderWeights;
  readonly adapters: readonly ServedAdapter[];
}

/** Writes into the folder `scratch`, the weights too: the runtime reads none that lie elsewhere. */
export async function writeAdaptedScoring(version: AdaptedVersion, scratch: string): Promise<ScoringGraph> {
  const path = join(scratch, 'adapted-scoring.onnx');
  await copyFile(join(version.folder, dataFile), join(scratch, dataFile), constants.COPYFILE_FICLONE);
  const { config, weights, adapters } = version;
  const adapt = (graph: GraphBuilder) => adaptWith(graph, adapters);
  await writeFile(path, emitScoringGraph(config, weights, dataFile, { adapt, name: 'adapted-scoring' }));
  return { path, feeds: feedsOf(adapters) };
}

const inputName = (adapter: number, name: string): string => `adapter${adapter}.${name}`;

/** B times α/r, so that the graph has nothing to scale. */
function feedsOf(adapters: readonly ServedAdapter[]): Record<string, HostTensor> {
  const feeds: Record<string, HostTensor> = {};
  adapters.forEach(({ factors, scale }, adapter) => {
    for (const [name, { dims, data }] of factors) {
      const scaled = name.endsWith('.b') ? data.map((value) => scale * value) : data;
      feeds[inputName(adapter, name)] = { dims, data: scaled };
    }
  });
  return feeds;
}

/** y + Σ (x·Aᵀ)·B over the adapters that are on the linear. */
function adaptWith(graph: GraphBuilder, adapters: readonly ServedAdapter[]): DecoderPlugs['adapt'] {
  return (layer, linear, x, y) =>
    adapters.reduce((sum, { factors }, adapter) => {
      const [a, b] = (['a', 'b'] as const).map((side) => {
        const name = servedName(layer, linear, side);
        const dims = factors.get(name)?.dims;
        return dims === undefined ? null : graph.input(inputName(adapter, name), 'float32', dims);
      });
      if (!a || !b) return sum;
      const low = graph.node('FusedMatMul', [x, a], { transA: 0, transB: 1 });
      return graph.node('Add', [sum, graph.node('MatMul', [low, b])]);
    }, y);
}
