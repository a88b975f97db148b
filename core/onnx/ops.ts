/**
 * Every operator that a Millrace graph may contain, with its domain.
 * The list is closed: a loader refuses other domains, and gradient rules are typed over it.
 */

export const opDomains = {
  Abs: '',
  Add: '',
  Cast: '',
  Concat: '',
  ConstantOfShape: '',
  Div: '',
  Erf: '',
  Exp: '',
  Gather: '',
  GatherElements: '',
  Identity: '',
  LayerNormalization: '',
  LogSoftmax: '',
  MatMul: '',
  Mul: '',
  Neg: '',
  QuantizeLinear: '',
  Reciprocal: '',
  ReduceMax: '',
  ReduceMean: '',
  ReduceSum: '',
  Reshape: '',
  ScatterElements: '',
  ScatterND: '',
  SequenceEmpty: '',
  Shape: '',
  Sigmoid: '',
  SimplifiedLayerNormalization: '',
  Softmax: '',
  Softplus: '',
  Split: '',
  Sqrt: '',
  Sub: '',
  Tanh: '',
  Transpose: '',
  Unsqueeze: '',
  FusedMatMul: 'com.microsoft',
  Gelu: 'com.microsoft',
  GroupQueryAttention: 'com.microsoft',
  MatMulIntegerToFloat: 'com.microsoft',
  MatMulNBits: 'com.microsoft',
  MultiHeadAttention: 'com.microsoft',
  QuickGelu: 'com.microsoft',
  RotaryEmbedding: 'com.microsoft',
  SkipSimplifiedLayerNormalization: 'com.microsoft',
} as const satisfies Record<string, '' | 'com.microsoft'>;

export type Op = keyof typeof opDomains;

/** Operator set versions that the graphs are written against. */
export const opsets = { '': 21, 'com.microsoft': 1 } as const;

/** ONNX TensorProto.DataType. */
export const dataTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;

export type DataType = keyof typeof dataTypes;

export const dataTypeBytes: Readonly<Record<DataType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
};
