/**
 * One orthogonal matrix R that spreads the residual stream's outliers over all its components, so that 8 bits
 * carry it without loss (QuaRot's R1, arXiv 2404.00456). It is folded into the weights; nothing is left to run.
 * R = D · (Q ⊗ H): random signs, a random orthogonal Q for the odd part of the size, a Hadamard matrix for the
 * power of two. Multiplying a row costs size · (odd + log2) instead of size².
 */
import { invariant } from '../invariant.ts';
import { createRng, nextGaussian, type Rng } from '../rng.ts';

export class Rotation {
  readonly size: number;
  private readonly signs: Float32Array;
  private readonly odd: number;
  private readonly power: number;
  /** Orthogonal, [odd, odd]. */
  private readonly mixer: Float64Array;

  constructor(size: number, seed: number) {
    const rng = createRng(seed);
    this.size = size;
    this.power = size & -size;
    this.odd = size / this.power;
    this.signs = Float32Array.from({ length: size }, () => (rng.next() < 0.5 ? -1 : 1));
    this.mixer = randomOrthogonal(this.odd, rng);
  }

  /** Replaces each row x of a row-major [rows, size] matrix by x · R. */
  applyToRows(matrix: Float32Array): void {
    invariant(matrix.length % this.size === 0, 'rows have the size of the rotation');
    const mixed = new Float64Array(this.size);
    for (let start = 0; start < matrix.length; start += this.size) this.applyToRow(matrix, start, mixed);
  }

  private applyToRow(matrix: Float32Array, start: number, mixed: Float64Array): void {
    const { size, odd, power, signs, mixer } = this;
    for (let i = 0; i < size; i++) matrix[start + i]! *= signs[i]!;
    mixed.fill(0);
    const weight = (from: number, to: number): number => (from < odd ? mixer[from * odd + to]! : 0);
    // Three at a time: this runs over every weight of the model.
    for (let from = 0; from < odd; from += 3) {
      const [atA, atB, atC] = [from, Math.min(from + 1, odd - 1), Math.min(from + 2, odd - 1)];
      const [a, b, c] = [start + atA * power, start + atB * power, start + atC * power];
      for (let to = 0; to < odd; to++) {
        const [wa, wb, wc] = [weight(from, to), weight(from + 1, to), weight(from + 2, to)];
        const out = to * power;
        for (let i = 0; i < power; i++) {
          mixed[out + i]! += wa * matrix[a + i]! + wb * matrix[b + i]! + wc * matrix[c + i]!;
        }
      }
    }
    for (let block = 0; block < odd; block++) hadamard(mixed, block * power, power);
    const norm = 1 / Math.sqrt(power);
    for (let i = 0; i < size; i++) matrix[start + i] = mixed[i]! * norm;
  }
}

/** Fast Walsh-Hadamard transform in place, unnormalized; `length` is a power of two. */
function hadamard(values: Float64Array, offset: number, length: number): void {
  for (let half = 1; half < length; half *= 2) {
    for (let block = offset; block < offset + length; block += 2 * half) {
      for (let i = block; i < block + half; i++) {
        const [a, b] = [values[i]!, values[i + half]!];
        values[i] = a + b;
        values[i + half] = a - b;
      }
    }
  }
}

/** Gram-Schmidt, twice for accuracy, on a Gaussian matrix. */
function randomOrthogonal(size: number, rng: Rng): Float64Array {
  const q = Float64Array.from({ length: size * size }, () => nextGaussian(rng));
  const dot = (a: number, b: number): number => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += q[a * size + i]! * q[b * size + i]!;
    return sum;
  };
  for (let row = 0; row < size; row++) {
    for (let earlier = 0; earlier < 2 * row; earlier++) {
      const along = dot(row, earlier % row);
      for (let i = 0; i < size; i++) q[row * size + i]! -= along * q[(earlier % row) * size + i]!;
    }
    const length = Math.sqrt(dot(row, row));
    for (let i = 0; i < size; i++) q[row * size + i]! /= length;
  }
  return q;
}
