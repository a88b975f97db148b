/**
 * int8 rounding whose error is made good by the weights that are rounded later: GPTQ (Frantar et al., "GPTQ: Accurate
 * Post-Training Quantization for Generative Pre-trained Transformers", ICLR 2023), with inputs seen in calibration.
 */
import { invariant } from '../invariant.ts';
import type { Matrix } from './fold.ts';
import type { Dense, TransposedProduct } from './product.ts';
import { channelScale, type Int8Matrix } from './quantize.ts';

/** Added to the diagonal, relative to its mean: what few calibration rows say is not believed to the letter. */
const damping = 0.3;
/** Inputs that are rounded before the rest of the matrix hears of it. */
const blockSize = 64;

/**
 * How an error in input i is best spread over the later ones, given rows x of inputs, [rows, in]. Upper triangular
 * [in, in]: the inverse of the factor R in xᵀx = R·Rᵀ, each row divided by its diagonal.
 */
export async function compensation(inputs: Dense, product: TransposedProduct): Promise<Float32Array> {
  const size = inputs.columns;
  const factor = reverseCholesky(damped(await product.of(inputs, inputs), size), size);
  return unitInverse(factor, size);
}

/** Symmetric int8 per output channel of a matrix [in, out]; `spread` is from `compensation`. */
export async function quantizeCompensated(
  { inSize, outSize, values: weights }: Pick<Matrix, 'inSize' | 'outSize' | 'values'>,
  spread: Float32Array,
  product: TransposedProduct,
): Promise<Int8Matrix> {
  const scale = channelScale(weights, outSize);
  const rest = weights.slice();
  const values = new Int8Array(weights.length);
  for (let start = 0; start < inSize; start += blockSize) {
    const end = Math.min(inSize, start + blockSize);
    const errors = new Float32Array((end - start) * outSize);
    for (let i = start; i < end; i++) {
      const error = errors.subarray((i - start) * outSize, (i - start + 1) * outSize);
      roundRow(rest.subarray(i * outSize, (i + 1) * outSize), scale, { values, at: i * outSize, error });
      for (let j = i + 1; j < end; j++) subtract(rest, j * outSize, error, spread[i * inSize + j]!);
    }
    if (end === inSize) break;
    const rows = end - start;
    const later = await product.of(
      { rows, columns: inSize - end, data: columnsFrom(spread, { start, end, inSize }) },
      { rows, columns: outSize, data: errors },
    );
    for (let at = 0; at < later.length; at++) rest[end * outSize + at]! -= later[at]!;
  }
  return { values, scale };
}

/** Rows start…end of a square matrix, and of them the columns from `end`. */
function columnsFrom(
  matrix: Float32Array,
  { start, end, inSize }: { readonly start: number; readonly end: number; readonly inSize: number },
): Float32Array {
  const out = new Float32Array((end - start) * (inSize - end));
  for (let i = start; i < end; i++) {
    out.set(matrix.subarray(i * inSize + end, (i + 1) * inSize), (i - start) * (inSize - end));
  }
  return out;
}

function roundRow(
  row: Float32Array,
  scale: Float32Array,
  out: { readonly values: Int8Array; readonly at: number; readonly error: Float32Array },
): void {
  for (let o = 0; o < row.length; o++) {
    const level = Math.max(-127, Math.min(127, Math.round(row[o]! / scale[o]!)));
    out.values[out.at + o] = level;
    out.error[o] = row[o]! - level * scale[o]!;
  }
}

function subtract(rest: Float32Array, at: number, error: Float32Array, factor: number): void {
  for (let o = 0; o < error.length; o++) rest[at + o]! -= factor * error[o]!;
}

function damped(gram: Float32Array, size: number): Float64Array {
  const out = Float64Array.from(gram);
  let trace = 0;
  for (let i = 0; i < size; i++) trace += out[i * size + i]!;
  for (let i = 0; i < size; i++) out[i * size + i]! += (damping * trace) / size || 1;
  return out;
}

/** Upper triangular R with R·Rᵀ = matrix: Cholesky's factorization from the last row up. In place. */
function reverseCholesky(matrix: Float64Array, size: number): Float64Array {
  for (let k = size - 1; k >= 0; k--) {
    const pivot = Math.sqrt(matrix[k * size + k]!);
    invariant(pivot > 0, 'the damped matrix is positive definite');
    for (let i = 0; i <= k; i++) matrix[i * size + k]! /= i === k ? 1 : pivot;
    matrix[k * size + k] = pivot;
    const column = new Float64Array(k);
    for (let i = 0; i < k; i++) column[i] = matrix[i * size + k]!;
    for (let i = 0; i < k; i++) {
      const factor = column[i]!;
      for (let j = i; j < k; j++) matrix[i * size + j]! -= factor * column[j]!;
    }
  }
  return matrix;
}

/** Rows of R⁻¹, each over its diagonal: R upper triangular. */
function unitInverse(factor: Float64Array, size: number): Float32Array {
  const inverse = new Float32Array(size * size);
  for (let i = size - 1; i >= 0; i--) {
    const row = inverse.subarray(i * size, (i + 1) * size);
    const own = 1 / factor[i * size + i]!;
    row[i] = own;
    const weight = (k: number): number => (k < size ? -own * factor[i * size + k]! : 0);
    // Four rows at a time pass over memory less often; left of its diagonal a row is zero.
    for (let k = i + 1; k < size; k += 4) {
      const [a, b, c, d] = [weight(k), weight(k + 1), weight(k + 2), weight(k + 3)];
      const [atA, atB] = [k * size, Math.min(k + 1, size - 1) * size];
      const [atC, atD] = [Math.min(k + 2, size - 1) * size, Math.min(k + 3, size - 1) * size];
      for (let j = k; j < size; j++) {
        row[j]! +=
          a * inverse[atA + j]! + b * inverse[atB + j]! + c * inverse[atC + j]! + d * inverse[atD + j]!;
      }
    }
  }
  for (let i = 0; i < size; i++) {
    const own = inverse[i * size + i]!;
    for (let j = i; j < size; j++) inverse[i * size + j]! /= own;
  }
  return inverse;
}
