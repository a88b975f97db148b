/** Valid files with something wrong in them, as fast-check shrinks them: bytes, and trees of JSON. */
import fc from 'fast-check';

type Edit = (bytes: Buffer) => Buffer;

/** From 0 up to 1, evenly: fast-check's own doubles are nearly all close to nothing. */
const position = fc.noBias(fc.integer({ min: 0, max: 2 ** 30 - 1 })).map((value) => value / 2 ** 30);
const at = (share: number, length: number): number => Math.floor(share * length);

/** What a size or a count may lie with. */
const lies = fc.constantFrom(
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
);

const flip = fc.tuple(position, fc.nat(7)).map(
  ([share, bit]): Edit =>
    (bytes) => {
      if (bytes.length > 0) bytes[at(share, bytes.length)]! ^= 1 << bit;
      return bytes;
    },
);
const replace = fc.tuple(position, fc.nat(255)).map(
  ([share, value]): Edit =>
    (bytes) => {
      if (bytes.length > 0) bytes[at(share, bytes.length)] = value;
      return bytes;
    },
);
const cut = position.map(
  (share): Edit =>
    (bytes) =>
      bytes.subarray(0, at(share, bytes.length)),
);
const drop = fc.tuple(position, fc.integer({ min: 1, max: 64 })).map(
  ([share, length]): Edit =>
    (bytes) => {
      const start = at(share, bytes.length);
      return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length)]);
    },
);
const insert = fc.tuple(position, fc.uint8Array({ minLength: 1, maxLength: 16 })).map(
  ([share, more]): Edit =>
    (bytes) => {
      const start = at(share, bytes.length);
      return Buffer.concat([bytes.subarray(0, start), more, bytes.subarray(start)]);
    },
);
const twice = fc.tuple(position, fc.integer({ min: 1, max: 4_096 })).map(
  ([share, length]): Edit =>
    (bytes) => {
      const start = at(share, bytes.length);
      return Buffer.concat([bytes.subarray(0, start + length), bytes.subarray(start)]);
    },
);
const lie = fc.tuple(position, lies, fc.constantFrom(4, 8)).map(
  ([share, value, width]): Edit =>
    (bytes) => {
      if (bytes.length < width) return bytes;
      const start = at(share, bytes.length - width + 1);
      if (width === 8) bytes.writeBigUInt64LE(value, start);
      else bytes.writeUInt32LE(Number(BigInt.asUintN(32, value)), start);
      return bytes;
    },
);
/** In text, numbers are what lies. */
const lieInText = fc
  .tuple(
    position,
    fc.constantFrom('-1', '0', '1e999', '999999999999999999999', '4294967296', 'null', '[]', '"x"'),
  )
  .map(
    ([share, value]): Edit =>
      (bytes) => {
        const text = bytes.toString('latin1');
        const numbers = [...text.matchAll(/\d+/g)];
        const found = numbers[at(share, numbers.length)];
        if (found === undefined) return bytes;
        return Buffer.from(
          text.slice(0, found.index) + value + text.slice(found.index + found[0].length),
          'latin1',
        );
      },
  );

export interface Focus {
  /** Of edits, the first `head` bytes get all; sizes and counts are there. */
  readonly head?: number;
}

const often = (arbitrary: fc.Arbitrary<Edit>) => ({ arbitrary, weight: 3 });

/** One to four edits, most of them where the file says how it is to be read. */
export function mutatedBytes(
  original: Uint8Array,
  { head = original.length }: Focus = {},
): fc.Arbitrary<Buffer> {
  const edit = fc.oneof(...[flip, replace, lie, insert, drop, twice, lieInText].map(often), cut);
  const edits = fc.array(fc.tuple(edit, fc.boolean()), { minLength: 1, maxLength: 4, size: 'xsmall' });
  return edits.map((list) =>
    list.reduce((bytes, [change, isInHead]) => {
      const end = isInHead ? Math.min(head, bytes.length) : bytes.length;
      return Buffer.concat([change(Buffer.from(bytes.subarray(0, end))), bytes.subarray(end)]);
    }, Buffer.from(original)),
  );
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const odd: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    2 ** 31,
    '',
    'x',
    '__proto__',
    '../x',
    [],
    {},
    [null],
    [[[]]],
  ),
  fc.constantFrom<Json>(
    'a'.repeat(5_000),
    Array.from({ length: 500 }, () => 0),
    Array.from({ length: 500 }, () => ({})),
  ),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
);

type Change = 'replace' | 'remove' | 'rename' | 'double';
const changes = fc.constantFrom<Change>('replace', 'replace', 'remove', 'rename', 'double');

interface Place {
  readonly parent: Record<string, Json>;
  readonly key: string;
}

function* placesIn(node: Json): Generator<Place> {
  if (typeof node !== 'object' || node === null) return;
  const parent = node as Record<string, Json>;
  for (const key of Object.keys(parent)) {
    yield { parent, key };
    yield* placesIn(parent[key]!);
  }
}

function changeAt({ parent, key }: Place, change: Change, value: Json): void {
  const old = parent[key]!;
  if (change === 'replace') put(parent, key, value);
  else if (change === 'double') put(parent, key, [old, old]);
  else if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else {
    delete parent[key];
    if (change === 'rename') put(parent, `${key}x`, old);
  }
}

const put = (parent: object, key: string, value: Json): void =>
  void Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });

/** One to five changes anywhere in the tree, most of which keep it nearly what it was. */
export function mutatedJson(original: unknown): fc.Arbitrary<unknown> {
  const edits = fc.array(fc.tuple(position, changes, odd), { minLength: 1, maxLength: 4, size: 'xsmall' });
  return edits.map((list) => {
    const root: { it: Json } = { it: structuredClone(original) as Json };
    for (const [share, change, value] of list) {
      const places = [...placesIn(root as unknown as Json)];
      const place = places[at(share, places.length)];
      if (place !== undefined) changeAt(place, change, structuredClone(value));
    }
    return root.it;
  });
}
