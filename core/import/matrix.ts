/** The few dense operations that folding needs; row-major fp32. */

/** [rows, columns] → [columns, rows], in tiles that stay in the cache. */
export function transpose(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(matrix.length);
  const tile = 32;
  for (let rowStart = 0; rowStart < rows; rowStart += tile) {
    const rowEnd = Math.min(rows, rowStart + tile);
    for (let columnStart = 0; columnStart < columns; columnStart += tile) {
      const columnEnd = Math.min(columns, columnStart + tile);
      for (let row = rowStart; row < rowEnd; row++) {
        for (let column = columnStart; column < columnEnd; column++) {
          out[column * rows + row] = matrix[row * columns + column]!;
        }
      }
    }
  }
  return out;
}

/** Multiplies column c of each row by gain[c], in place. */
export function scaleColumns(matrix: Float32Array, gain: Float32Array): void {
  for (let start = 0; start < matrix.length; start += gain.length) {
    for (let c = 0; c < gain.length; c++) matrix[start + c]! *= gain[c]!;
  }
}

export function concatenate(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}
