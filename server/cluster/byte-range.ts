/** The Range header of HTTP (RFC 9110, 14.2), for one range of bytes. Pure. */

export interface ByteRange {
  readonly start: number;
  /** The last byte, not the one behind it. */
  readonly end: number;
}

/** Null: the whole is to be sent, since nothing was asked for, or nothing that is understood here. */
export function byteRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  const [first, last] = [match[1]!, match[2]!];
  // "-500": the last 500 bytes.
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < start) return null;
  return start > end ? 'unsatisfiable' : { start, end };
}
