/** 16-bit floating point to fp32. Inputs are little-endian bytes at any alignment. */

/** IEEE 754 binary16 bits to a number. */
export function halfToFloat(bits: number): number {
  return halfTable[bits]!;
}

const halfTable = Float32Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
});

export function decodeHalf(bytes: Uint8Array): Float32Array {
  const out = new Float32Array(bytes.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = halfTable[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!;
  return out;
}

export function decodeBfloat(bytes: Uint8Array): Float32Array {
  const out = new Uint32Array(bytes.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = (bytes[2 * i]! << 16) | (bytes[2 * i + 1]! << 24);
  return new Float32Array(out.buffer);
}

export function decodeFloat(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}
