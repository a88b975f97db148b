/** Integer tensors, and sequences of different lengths as one. */
import { Tensor } from 'onnxruntime-node';

/** Int64 [sequences, longest], zeros on the right. */
export function padRight(sequences: readonly (readonly number[])[]): Tensor {
  const longest = Math.max(...sequences.map(({ length }) => length));
  const ids = new BigInt64Array(sequences.length * longest);
  sequences.forEach((tokens, row) => {
    tokens.forEach((token, column) => {
      ids[row * longest + column] = BigInt(token);
    });
  });
  return new Tensor('int64', ids, [sequences.length, longest]);
}

export function int64(values: readonly number[], dims: readonly number[]): Tensor {
  const data = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) data[i] = BigInt(values[i]!);
  return new Tensor('int64', data, dims);
}

export function int32(values: readonly number[]): Tensor {
  return new Tensor('int32', Int32Array.from(values), [values.length]);
}
