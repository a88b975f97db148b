/**
 * Reverse-mode differentiation (Griewank and Walther, "Evaluating Derivatives", 2008), one rule per operator. The
 * table is typed over the list of all operators: one without a rule, or without a reason to have none, does not compile.
 */
import type { Op } from '../../core/onnx/ops.ts';
import * as elementwise from './elementwise-rules.ts';
import * as layout from './layout-rules.ts';
import * as matrix from './matrix-rules.ts';
import type { Rule } from './rule.ts';

/** Why an operator has no gradient. */
export interface Refusal {
  readonly refused: string;
}

const refused = (reason: string): Refusal => ({ refused: reason });
const rounds = refused('it rounds: its derivative is zero almost everywhere');
const fused = refused('it is fused for inference; training graphs are emitted from plain operators');
const ofIntegers = refused('its result does not vary with its inputs');
const notNeeded = refused('it only finds scales of quantized activations, which are not trained');

export const gradientRules: Readonly<Record<Op, Rule | Refusal>> = {
  Abs: notNeeded,
  Add: elementwise.add,
  Cast: ofIntegers,
  Concat: layout.concat,
  ConstantOfShape: ofIntegers,
  Div: elementwise.divide,
  Erf: elementwise.erf,
  Exp: elementwise.exponential,
  FusedMatMul: matrix.matMul,
  Gather: layout.gather,
  GatherElements: layout.gatherElements,
  Gelu: elementwise.gelu,
  GroupQueryAttention: fused,
  Identity: layout.identity,
  LayerNormalization: matrix.layerNorm,
  LogSoftmax: matrix.logSoftmax,
  MatMul: matrix.matMul,
  MatMulIntegerToFloat: rounds,
  MatMulNBits: rounds,
  Mul: elementwise.multiply,
  MultiHeadAttention: fused,
  Neg: elementwise.negation,
  QuantizeLinear: rounds,
  QuickGelu: elementwise.quickGelu,
  Reciprocal: elementwise.reciprocal,
  ReduceMax: notNeeded,
  ReduceMean: layout.reduceMean,
  ReduceSum: layout.reduceSum,
  Reshape: layout.relabel,
  RotaryEmbedding: matrix.rotary,
  ScatterElements: refused('it occurs in gradients only, and those are not differentiated again'),
  ScatterND: refused('it occurs in gradients only, and those are not differentiated again'),
  SequenceEmpty: ofIntegers,
  Shape: ofIntegers,
  Sigmoid: elementwise.sigmoid,
  SimplifiedLayerNormalization: matrix.rmsNorm,
  SkipSimplifiedLayerNormalization: matrix.skipRmsNorm,
  Softmax: matrix.softmax,
  Softplus: elementwise.softplus,
  Split: layout.split,
  Sqrt: elementwise.squareRoot,
  Sub: elementwise.subtract,
  Tanh: elementwise.tanh,
  Transpose: layout.transpose,
  Unsqueeze: layout.relabel,
};
