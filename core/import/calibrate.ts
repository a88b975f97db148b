/**
 * Runs a few hundred tokens of real text through the fp32 layers, one layer in memory at a time, to see what the
 * linears' inputs look like and what each way of storing a linear would cost in accuracy.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DecoderConfig } from '../arch/config.ts';
import { emitLayers, type LayerLinear, wholeAttention } from '../arch/decoder.ts';
import { LinearEmitter, type LinearWeight } from '../arch/linear.ts';
import { ropeTables } from '../arch/rope.ts';
import { ExternalDataWriter } from '../onnx/external-data.ts';
import { GraphBuilder, type Value } from '../onnx/graph.ts';
import type { LayerMatrices } from './fold.ts';
import type { OpenGraph } from './open-graph.ts';
import { createTransposedProduct, type TransposedProduct } from './product.ts';
import { type LinearFormat, storeLayer, storeLinear, storeVector } from './store.ts';

/**
 * Squared error of a linear's output for each candidate in the order given: relative to the residual stream where
 * the linear adds to it, ‖y' − y‖² / ‖residual‖², else to the output itself.
 */
export type LinearErrors = Readonly<Partial<Record<LayerLinear, readonly number[]>>>;

/** Inputs over the calibration text; the up projection reads what the gate reads. */
export interface LinearInputs {
  readonly qkv: Float32Array;
  readonly gate: Float32Array;
  readonly down: Float32Array;
}

export class Calibrator {
  private readonly config: DecoderConfig;
  private readonly open: OpenGraph;
  private readonly parent: string;
  /** The residual stream in front of the next layer, [1, length, hidden]. */
  private residual: Float32Array;
  private readonly length: number;
  private dense: TransposedProduct | null = null;

  /** `parent` is a folder for scratch files; `embedded` the embedded text, [length, hidden], in the served basis. */
  constructor(config: DecoderConfig, open: OpenGraph, parent: string, embedded: Float32Array) {
    this.config = config;
    this.open = open;
    this.parent = parent;
    this.residual = embedded;
    this.length = embedded.length / config.hiddenSize;
  }

  /** For products on the calibration's runtime. */
  async product(): Promise<TransposedProduct> {
    this.dense ??= await createTransposedProduct(this.open, this.parent);
    return this.dense;
  }

  async close(): Promise<void> {
    await this.dense?.close();
  }

  /** What the linears of the layer read, each [length, in]. */
  async inputs(layer: LayerMatrices): Promise<LinearInputs> {
    const outputs = await this.evaluate(layer, {});
    return { qkv: outputs.qkv_input!, gate: outputs.gate_input!, down: outputs.down_input! };
  }

  /** What each candidate would cost; then goes on to the next layer. */
  async advance(
    layer: LayerMatrices,
    candidates: Readonly<Partial<Record<LayerLinear, readonly LinearFormat[]>>>,
  ): Promise<LinearErrors> {
    const outputs = await this.evaluate(layer, candidates);
    this.residual = outputs.residual_out!;
    const errors = Object.entries(candidates).map(([linear, formats]) => [
      linear,
      formats.map((_, index) => outputs[errorName(linear, index)]![0]!),
    ]);
    return Object.fromEntries(errors) as LinearErrors;
  }

  private async evaluate(
    layer: LayerMatrices,
    candidates: Readonly<Partial<Record<LayerLinear, readonly LinearFormat[]>>>,
  ): Promise<Readonly<Record<string, Float32Array>>> {
    const scratch = await mkdtemp(join(this.parent, 'calibrate-'));
    try {
      const path = join(scratch, 'layer.onnx');
      await writeFile(path, await this.emit(scratch, layer, candidates));
      const graph = await this.open(path);
      try {
        return await graph.run({
          residual: { dims: [1, this.length, this.config.hiddenSize], data: this.residual },
          lengths: { dims: [1], data: Int32Array.of(this.length - 1) },
          total: { dims: [1], data: Int32Array.of(this.length) },
        });
      } finally {
        await graph.close();
      }
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  private async emit(
    scratch: string,
    layer: LayerMatrices,
    candidates: Readonly<Partial<Record<LayerLinear, readonly LinearFormat[]>>>,
  ): Promise<Uint8Array> {
    const { config } = this;
    const data = await ExternalDataWriter.create(join(scratch, 'layer.bin'));
    const weights = await storeLayer(data, 'layer', layer, () => ({ kind: 'fp32' }));
    const stored = await storeCandidates(data, layer, candidates);
    const finalNorm = await storeVector(data, 'final_norm', layer.mlpNorm);
    const tables = ropeTables({ ...config, maxContext: this.length });
    const tableDims = [this.length, config.headSize / 2];
    const rope = {
      cos: await data.write('cos', 'float32', tableDims, tables.cos),
      sin: await data.write('sin', 'float32', tableDims, tables.sin),
    };
    await data.finish();

    const graph = new GraphBuilder('layer.bin');
    const input = graph.input('residual', 'float32', [1, 'S', config.hiddenSize]);
    const lengths = graph.input('lengths', 'int32', [1]);
    const total = graph.input('total', 'int32', [1]);
    const linears = new LinearEmitter(graph);
    const errors: { name: string; linear: LayerLinear; error: Value; y: Value }[] = [];
    const { residual } = emitLayers(graph, config, { layers: [weights], finalNorm }, input, {
      attention: wholeAttention(graph, config, rope, lengths, total),
      adapt(_layer, linear, x, y) {
        stored[linear]?.forEach((candidate, index) => {
          const error = squaredSum(graph, graph.node('Sub', [linears.emit(x, candidate), y]));
          errors.push({ name: errorName(linear, index), linear, error, y });
        });
        if (linear === 'down') emitOutput(graph, 'down_input', x, [1, 'S', config.intermediateSize]);
        if (linear === 'qkv' || linear === 'gate') {
          emitOutput(graph, `${linear}_input`, x, [1, 'S', config.hiddenSize]);
        }
        return y;
      },
    });
    for (const { name, linear, error, y } of errors) {
      const reference = linear === 'o' || linear === 'down' ? residual : y;
      emitOutput(graph, name, graph.node('Div', [error, squaredSum(graph, reference)]), []);
    }
    emitOutput(graph, 'residual_out', residual, [1, 'S', config.hiddenSize]);
    return graph.finish('calibration-layer');
  }
}

async function storeCandidates(
  data: ExternalDataWriter,
  layer: LayerMatrices,
  candidates: Readonly<Partial<Record<LayerLinear, readonly LinearFormat[]>>>,
): Promise<Partial<Record<LayerLinear, LinearWeight[]>>> {
  const stored: Partial<Record<LayerLinear, LinearWeight[]>> = {};
  for (const [name, formats] of Object.entries(candidates)) {
    const linear = name as LayerLinear;
    stored[linear] = [];
    for (const [index, format] of formats.entries()) {
      stored[linear].push(await storeLinear(data, `candidate${index}.${linear}`, layer[linear], format));
    }
  }
  return stored;
}

const errorName = (linear: string, candidate: number): string => `error_${linear}_${candidate}`;

function emitOutput(
  graph: GraphBuilder,
  name: string,
  value: Value,
  dims: readonly (number | string)[],
): void {
  graph.output(name, 'float32', dims);
  graph.nodeInto([name], 'Identity', [value]);
}

function squaredSum(graph: GraphBuilder, value: Value): Value {
  return graph.node('ReduceSum', [graph.node('Mul', [value, value])], { keepdims: 0 });
}
