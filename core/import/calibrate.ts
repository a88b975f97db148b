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
import { type LinearFormat, storeLayer, storeLinear, storeVector } from './store.ts';

/** A tensor on its way into or out of a graph. */
export interface HostTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

/** Loads the model file at `path`, runs it once and gives all its (fp32) outputs. */
export type RunGraph = (
  path: string,
  feeds: Readonly<Record<string, HostTensor>>,
) => Promise<Readonly<Record<string, Float32Array>>>;

/**
 * Squared error of a linear's output for each candidate in the order given: relative to the residual stream where
 * the linear adds to it, ‖y' − y‖² / ‖residual‖², else to the output itself.
 */
export type LinearErrors = Readonly<Partial<Record<LayerLinear, readonly number[]>>>;

export class Calibrator {
  private readonly config: DecoderConfig;
  private readonly run: RunGraph;
  private readonly parent: string;
  /** The residual stream in front of the next layer, [1, length, hidden]. */
  private residual: Float32Array;
  private readonly length: number;

  /** `parent` is a folder for scratch files; `embedded` the embedded text, [length, hidden], in the served basis. */
  constructor(config: DecoderConfig, run: RunGraph, parent: string, embedded: Float32Array) {
    this.config = config;
    this.run = run;
    this.parent = parent;
    this.residual = embedded;
    this.length = embedded.length / config.hiddenSize;
  }

  /** Largest magnitude of each of the down projection's inputs, [intermediate]. */
  async gatedRange(layer: LayerMatrices): Promise<Float32Array> {
    const outputs = await this.evaluate(layer, {});
    const gated = outputs.down_input!;
    const size = this.config.intermediateSize;
    const range = new Float32Array(size);
    gated.forEach((value, index) => {
      range[index % size] = Math.max(range[index % size]!, Math.abs(value));
    });
    return range;
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
      return await this.run(path, {
        residual: { dims: [1, this.length, this.config.hiddenSize], data: this.residual },
        lengths: { dims: [1], data: Int32Array.of(this.length - 1) },
        total: { dims: [1], data: Int32Array.of(this.length) },
      });
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
