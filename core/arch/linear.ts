/**
 * One linear layer in a graph, in each precision that an import can choose.
 * x is [..., in]; weights of a matrix product are stored [in, out].
 */
import type { ExternalTensor, GraphBuilder, Value } from '../onnx/graph.ts';

/** How activations become 8-bit numbers in front of an int8 weight. */
export type ActivationScale =
  /** One constant for all rows: q = round(x / scale). Right where a norm has fixed the row's size. */
  | { readonly kind: 'static'; readonly scale: number }
  /** Each row by its own largest magnitude / 127. */
  | { readonly kind: 'row' };

export type LinearWeight =
  | { readonly kind: 'fp32'; readonly weight: ExternalTensor; readonly bias: ExternalTensor | null }
  | {
      /** Symmetric int8 per output channel: w ≈ weight · scale[out]. */
      readonly kind: 'int8';
      readonly weight: ExternalTensor;
      readonly scale: ExternalTensor;
      readonly bias: ExternalTensor | null;
      readonly activation: ActivationScale;
    }
  | {
      /** MatMulNBits: unsigned, `bits` wide, blocks of 32 along the input; zeroPoint null means the middle. */
      readonly kind: 'block';
      readonly bits: 4 | 8;
      readonly inSize: number;
      readonly outSize: number;
      readonly weight: ExternalTensor;
      readonly scale: ExternalTensor;
      readonly zeroPoint: ExternalTensor | null;
      readonly bias: ExternalTensor | null;
    };

export const blockSize = 32;

/** Emits linears and remembers quantized activations, so that linears with one input share the work. */
export class LinearEmitter {
  private readonly graph: GraphBuilder;
  private readonly quantized = new Map<string, { q: Value; rowScale: Value | null }>();

  constructor(graph: GraphBuilder) {
    this.graph = graph;
  }

  emit(x: Value, linear: LinearWeight): Value {
    const y = this.product(x, linear);
    return linear.bias === null ? y : this.graph.node('Add', [y, this.graph.external(linear.bias)]);
  }

  private product(x: Value, linear: LinearWeight): Value {
    if (linear.kind === 'fp32') return this.graph.node('MatMul', [x, this.graph.external(linear.weight)]);
    if (linear.kind === 'block') return this.blockProduct(x, linear);
    return this.int8Product(x, linear);
  }

  private blockProduct(x: Value, linear: Extract<LinearWeight, { kind: 'block' }>): Value {
    const inputs = [x, this.graph.external(linear.weight), this.graph.external(linear.scale)];
    if (linear.zeroPoint !== null) inputs.push(this.graph.external(linear.zeroPoint));
    return this.graph.node('MatMulNBits', inputs, {
      K: linear.inSize,
      N: linear.outSize,
      bits: linear.bits,
      block_size: blockSize,
      accuracy_level: 4,
    });
  }

  private int8Product(x: Value, linear: Extract<LinearWeight, { kind: 'int8' }>): Value {
    const { graph } = this;
    const { q, rowScale } = this.quantize(x, linear.activation);
    const inputScale = linear.activation.kind === 'static' ? linear.activation.scale : 1;
    const y = graph.node('MatMulIntegerToFloat', [
      q,
      graph.external(linear.weight),
      graph.constant('float32', [], [inputScale]),
      graph.external(linear.scale),
      zeroPoint(graph),
    ]);
    return rowScale === null ? y : graph.node('Mul', [y, rowScale]);
  }

  private quantize(x: Value, activation: ActivationScale): { q: Value; rowScale: Value | null } {
    const key = `${x}:${activation.kind === 'static' ? activation.scale : 'row'}`;
    let result = this.quantized.get(key);
    if (result === undefined) {
      result = activation.kind === 'static' ? this.quantizeStatic(x, activation.scale) : this.quantizeRows(x);
      this.quantized.set(key, result);
    }
    return result;
  }

  private quantizeStatic(x: Value, scale: number): { q: Value; rowScale: null } {
    const { graph } = this;
    const inputs = [x, graph.constant('float32', [], [scale]), zeroPoint(graph)];
    return { q: graph.node('QuantizeLinear', inputs), rowScale: null };
  }

  private quantizeRows(x: Value): { q: Value; rowScale: Value } {
    const { graph } = this;
    const lastAxis = graph.constant('int64', [1], [-1]);
    const largest = graph.node('ReduceMax', [graph.node('Abs', [x]), lastAxis], { keepdims: 1 });
    const rowScale = graph.node('Mul', [largest, graph.constant('float32', [], [1 / 127])]);
    const scaled = graph.node('Div', [x, rowScale]);
    const unit = graph.constant('float32', [], [1]);
    return { q: graph.node('QuantizeLinear', [scaled, unit, zeroPoint(graph)]), rowScale };
  }
}

/** Activations are unsigned around 128: the CPU's u8 × s8 product needs no correction for that at run time. */
function zeroPoint(graph: GraphBuilder): Value {
  return graph.constant('uint8', [], [128]);
}
