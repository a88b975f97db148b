/**
 * GGML block formats to fp32. Layouts: ggml's quantization reference (ggml-common.h); the numbers are checked
 * against the `gguf` Python package. A block holds `size` weights in `bytes` bytes.
 */
import { decodeBfloat, decodeFloat, decodeHalf, halfToFloat } from '../tensor/half.ts';

interface BlockFormat {
  readonly name: string;
  readonly size: number;
  readonly bytes: number;
  readonly decode: (bytes: Uint8Array) => Float32Array;
}

type BlockDecoder = (source: Uint8Array, at: number, out: Float32Array, to: number) => void;

function blocks(name: string, size: number, bytes: number, decodeBlock: BlockDecoder): BlockFormat {
  return {
    name,
    size,
    bytes,
    decode(source) {
      const count = source.length / bytes;
      const out = new Float32Array(count * size);
      for (let block = 0; block < count; block++) decodeBlock(source, block * bytes, out, block * size);
      return out;
    },
  };
}

const half = (source: Uint8Array, at: number): number => halfToFloat(source[at]! | (source[at + 1]! << 8));
const signed = (byte: number): number => (byte << 24) >> 24;
const word = (source: Uint8Array, at: number): number =>
  (source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16) | (source[at + 3]! << 24)) >>> 0;

/** Q4_0, Q4_1, Q5_0, Q5_1: 32 weights, the low nibbles first; a fifth bit may lie apart. */
function nibbleBlock(options: {
  high: number | null;
  values: number;
  min: number | null;
  offset: number;
}): BlockDecoder {
  const { high, values, min, offset } = options;
  return (source, at, out, to) => {
    const scale = half(source, at);
    const base = min === null ? -offset * scale : half(source, at + min);
    const fifth = high === null ? 0 : word(source, at + high);
    for (let j = 0; j < 16; j++) {
      const byte = source[at + values + j]!;
      out[to + j] = ((byte & 15) | (((fifth >>> j) & 1) << 4)) * scale + base;
      out[to + j + 16] = ((byte >> 4) | (((fifth >>> (j + 16)) & 1) << 4)) * scale + base;
    }
  };
}

const q8_0: BlockDecoder = (source, at, out, to) => {
  const scale = half(source, at);
  for (let j = 0; j < 32; j++) out[to + j] = signed(source[at + 2 + j]!) * scale;
};

/** Six-bit scale and minimum of sub-block j of a Q4_K or Q5_K block. */
function scaleAndMin(source: Uint8Array, at: number, j: number): [number, number] {
  if (j < 4) return [source[at + j]! & 63, source[at + j + 4]! & 63];
  return [
    (source[at + j + 4]! & 15) | ((source[at + j - 4]! >> 6) << 4),
    (source[at + j + 4]! >> 4) | ((source[at + j]! >> 6) << 4),
  ];
}

/** Q4_K and Q5_K: 256 weights in eight sub-blocks; pairs of sub-blocks share bytes. */
function superBlock(high: number | null, values: number): BlockDecoder {
  return (source, at, out, to) => {
    const [scale, min] = [half(source, at), half(source, at + 2)];
    for (let sub = 0; sub < 8; sub++) {
      const [subScale, subMin] = scaleAndMin(source, at + 4, sub);
      const [step, base] = [Math.fround(scale * subScale), Math.fround(min * subMin)];
      const shift = 4 * (sub & 1);
      for (let l = 0; l < 32; l++) {
        const low = (source[at + values + 32 * (sub >> 1) + l]! >> shift) & 15;
        const fifth = high === null ? 0 : ((source[at + high + l]! >> sub) & 1) << 4;
        out[to + 32 * sub + l] = Math.fround(step * (low | fifth)) - base;
      }
    }
  };
}

const q6_K: BlockDecoder = (source, at, out, to) => {
  const scale = half(source, at + 208);
  for (let i = 0; i < 256; i++) {
    const [part, quarter, l] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = source[at + 64 * part + 32 * (quarter & 1) + l]! >> (4 * (quarter >> 1));
    const high = source[at + 128 + 32 * part + l]! >> (2 * quarter);
    const level = ((low & 15) | ((high & 3) << 4)) - 32;
    out[to + i] = Math.fround(scale * signed(source[at + 192 + (i >> 4)]!)) * level;
  }
};

/** By GGML type number. */
export const blockFormats: ReadonlyMap<number, BlockFormat> = new Map([
  [0, { name: 'F32', size: 1, bytes: 4, decode: decodeFloat }],
  [1, { name: 'F16', size: 1, bytes: 2, decode: decodeHalf }],
  [2, blocks('Q4_0', 32, 18, nibbleBlock({ high: null, values: 2, min: null, offset: 8 }))],
  [3, blocks('Q4_1', 32, 20, nibbleBlock({ high: null, values: 4, min: 2, offset: 0 }))],
  [6, blocks('Q5_0', 32, 22, nibbleBlock({ high: 2, values: 6, min: null, offset: 16 }))],
  [7, blocks('Q5_1', 32, 24, nibbleBlock({ high: 4, values: 8, min: 2, offset: 0 }))],
  [8, blocks('Q8_0', 32, 34, q8_0)],
  [12, blocks('Q4_K', 256, 144, superBlock(null, 16))],
  [13, blocks('Q5_K', 256, 176, superBlock(16, 48))],
  [14, blocks('Q6_K', 256, 210, q6_K)],
  [30, { name: 'BF16', size: 1, bytes: 2, decode: decodeBfloat }],
]);
