/** fp32 matrices to the integer layouts that the graph's operators read. */
import { blockSize } from '../arch/linear.ts';
import { invariant } from '../invariant.ts';

export interface Int8Matrix {
  /** [in, out], w ≈ values · scale[out]. */
  readonly values: Int8Array;
  readonly scale: Float32Array;
}

/** Symmetric int8 per output channel of a matrix given as [in, out]: scale = max |w| / 127. */
export function quantizeChannels(matrix: Float32Array, inSize: number, outSize: number): Int8Matrix {
  invariant(matrix.length === inSize * outSize, 'matrix is [in, out]');
  const scale = channelScale(matrix, outSize);
  const inverse = scale.map((value) => 1 / value);
  const values = new Int8Array(matrix.length);
  for (let i = 0, at = 0; i < inSize; i++) {
    for (let o = 0; o < outSize; o++, at++) values[at] = Math.round(matrix[at]! * inverse[o]!);
  }
  return { values, scale };
}

/** max |w| / 127 of each column of a matrix [in, out]; 1 where a column is zero. */
export function channelScale(matrix: Float32Array, outSize: number): Float32Array {
  const scale = new Float32Array(outSize);
  for (let start = 0; start < matrix.length; start += outSize) {
    for (let o = 0; o < outSize; o++) {
      const magnitude = Math.abs(matrix[start + o]!);
      if (magnitude > scale[o]!) scale[o] = magnitude;
    }
  }
  return scale.map((value) => (value === 0 ? 1 : value / 127));
}

export interface BlockMatrix {
  /** [out, in / 32, 32 · bits / 8]; 4-bit values two to a byte, the earlier one low. */
  readonly values: Uint8Array;
  /** [out, in / 32]. */
  readonly scale: Float32Array;
  /** As values, one per block, [out, ⌈in / 32 · bits / 8⌉]. */
  readonly zeroPoint: Uint8Array;
}

/** Block-wise, asymmetric where bits is 4 (keeps the grid of a Q4_1 file), symmetric around 128 where it is 8. */
export function quantizeBlocks(
  matrix: Float32Array,
  outSize: number,
  inSize: number,
  bits: 4 | 8,
): BlockMatrix {
  invariant(inSize % blockSize === 0, 'input size is a multiple of the block size');
  const perRow = inSize / blockSize;
  const blockBytes = (blockSize * bits) / 8;
  const values = new Uint8Array(outSize * perRow * blockBytes);
  const scale = new Float32Array(outSize * perRow);
  const zeroRow = Math.ceil((perRow * bits) / 8);
  const zeroPoint = new Uint8Array(outSize * zeroRow);
  for (let block = 0; block < outSize * perRow; block++) {
    const weights = matrix.subarray(block * blockSize, (block + 1) * blockSize);
    const grid = bits === 4 ? asymmetricGrid(weights) : symmetricGrid(weights);
    scale[block] = grid.scale;
    packInto(values, block * blockSize, weights, grid, bits);
    const [row, column] = [Math.floor(block / perRow), block % perRow];
    if (bits === 8) zeroPoint[row * zeroRow + column] = grid.zero;
    else zeroPoint[row * zeroRow + (column >> 1)]! |= grid.zero << (4 * (column & 1));
  }
  return { values, scale, zeroPoint };
}

interface Grid {
  readonly scale: number;
  readonly zero: number;
  readonly max: number;
}

function asymmetricGrid(weights: Float32Array): Grid {
  const low = Math.min(0, ...weights);
  const high = Math.max(0, ...weights);
  const scale = (high - low) / 15 || 1;
  return { scale, zero: Math.min(15, Math.max(0, Math.round(-low / scale))), max: 15 };
}

function symmetricGrid(weights: Float32Array): Grid {
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
  return { scale: largest / 127 || 1, zero: 128, max: 255 };
}

function packInto(values: Uint8Array, first: number, weights: Float32Array, grid: Grid, bits: 4 | 8): void {
  for (let i = 0; i < weights.length; i++) {
    const level = Math.min(grid.max, Math.max(0, Math.round(weights[i]! / grid.scale + grid.zero)));
    const index = first + i;
    if (bits === 8) values[index] = level;
    else values[index >> 1]! |= level << (4 * (index & 1));
  }
}
