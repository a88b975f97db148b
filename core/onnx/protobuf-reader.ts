/** Reads the protobuf wire format. Every length is checked against the bytes that are there. */

export type Field =
  | { readonly number: number; readonly kind: 'varint'; readonly value: bigint }
  | { readonly number: number; readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly number: number; readonly kind: 'fixed'; readonly value: Uint8Array };

/** Throws an Error that says what is wrong with the bytes. */
export function* readFields(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= bytes.length) throw new Error('it ends within a number');
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new Error('it holds a number of more than ten bytes');
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at)
      throw new Error(`it claims ${length} bytes where ${bytes.length - at} are left`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const number = Math.floor(key / 8);
    if (key % 8 === 0) yield { number, kind: 'varint', value: varint() };
    else if (key % 8 === 2) yield { number, kind: 'bytes', value: take(Number(varint())) };
    else if (key % 8 === 5) yield { number, kind: 'fixed', value: take(4) };
    else if (key % 8 === 1) yield { number, kind: 'fixed', value: take(8) };
    else throw new Error(`it holds a field of the unknown wire type ${key % 8}`);
  }
}

/** The varints of a packed field. */
export function unpackVarints(bytes: Uint8Array): bigint[] {
  const values: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (shift > 70n) throw new Error('it holds a number of more than ten bytes');
    if (byte >= 128) continue;
    values.push(BigInt.asUintN(64, value));
    [value, shift] = [0n, 0n];
  }
  if (shift !== 0n) throw new Error('it ends within a number');
  return values;
}
