/** Checkpoints that lie: refused with a clear error before anything of them is used, whatever is changed in them. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { fixturePath } from '../../test/root.ts';
import { MillraceError } from '../errors.ts';
import { openCheckpoint } from './open.ts';

const refusals = new Set(['checkpoint_invalid', 'checkpoint_not_found', 'architecture_unsupported']);
let scratch = '';
before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'millrace-hostile-'));
});
after(() => rmSync(scratch, { recursive: true }));

let count = 0;
const place = (suffix = ''): string => join(scratch, `${count++}${suffix}`);

/** Opens and reads all tensors. Null when that works, else the refusal; any other error is one. */
async function attempt(path: string): Promise<MillraceError | null> {
  try {
    const checkpoint = await openCheckpoint(path);
    try {
      for (const name of checkpoint.tensors.keys()) await checkpoint.read(name);
    } finally {
      await checkpoint.close();
    }
    return null;
  } catch (error) {
    if (error instanceof MillraceError && refusals.has(error.code)) return error;
    throw error;
  }
}

async function refuses(path: string, reason: RegExp): Promise<void> {
  const error = await attempt(path);
  assert.match(error?.message ?? 'it was taken', reason);
}

/** A copy of the tiny checkpoint with one file replaced. */
function changed(file: string, content: string | Uint8Array): string {
  const folder = place();
  cpSync(fixturePath('decoders/smollm2'), folder, { recursive: true });
  writeFileSync(join(folder, file), content);
  return folder;
}

const original = (file: string): Buffer => readFileSync(fixturePath(`decoders/smollm2/${file}`));

/** safetensors with a changed header. */
function withHeader(
  change: (header: Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>) => void,
): Buffer {
  const bytes = original('model.safetensors');
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  change(header);
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, bytes.subarray(8 + length)]);
}

const first = (header: object): string => Object.keys(header).find((name) => name !== '__metadata__')!;

describe('a Hugging Face folder', () => {
  test('that is not there, or is empty, says so', async () => {
    await refuses(join(scratch, 'nowhere'), /No checkpoint at/);
    const folder = place();
    cpSync(fixturePath('decoders/smollm2/config.json'), join(folder, 'config.json'));
    await refuses(folder, /tokenizer\.json is missing/);
  });

  const configs: readonly (readonly [string, RegExp])[] = [
    ['', /config\.json/],
    ['[]', /config\.json/],
    ['{"architectures":["LlamaForCausalLM"],"model_type":"llama"}', /hidden_size|vocab_size|num_/],
    ['{"architectures":["MambaForCausalLM"],"model_type":"mamba"}', /"Mamba|"mamba/],
    ['{"architectures":["__proto__"],"model_type":"__proto__"}', /not supported/],
    [`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, /./],
  ];
  for (const [text, reason] of configs) {
    test(`with the configuration ${text.slice(0, 50)} is refused`, () =>
      refuses(changed('config.json', text), reason));
  }

  for (const size of ['1e30', '-1', '0', '1.5', '"64"', 'null', '9007199254740993', '[64]']) {
    for (const field of [
      'hidden_size',
      'num_hidden_layers',
      'num_attention_heads',
      'vocab_size',
      'max_position_embeddings',
    ]) {
      test(`with ${field} ${size} is refused, or its tensors do not fit later`, async () => {
        const text = original('config.json')
          .toString()
          .replace(new RegExp(`"${field}": \\d+`), `"${field}": ${size}`);
        await attempt(changed('config.json', text));
      });
    }
  }

  const headers: readonly (readonly [string, Buffer, RegExp])[] = [
    [
      'a tensor behind the end',
      withHeader((header) => {
        const entry = header[first(header)]!;
        const bytes = entry.data_offsets[1]! - entry.data_offsets[0]!;
        entry.data_offsets = [1e9, 1e9 + bytes];
      }),
      /reach to byte/,
    ],
    [
      'a size that is not the shape',
      withHeader((header) => {
        header[first(header)]!.shape = [1, 1];
      }),
      /its shape and type make/,
    ],
    [
      'a shape that overflows',
      withHeader((header) => {
        header[first(header)]!.shape = [2 ** 40, 2 ** 40];
      }),
      /its shape and type make/,
    ],
    [
      'a negative shape',
      withHeader((header) => {
        header[first(header)]!.shape = [-1, -64];
      }),
      /malformed/,
    ],
    [
      'tensors that overlap',
      withHeader((header) => {
        const [a, b] = Object.keys(header).filter((name) => name !== '__metadata__') as [string, string];
        header[b] = { ...header[a]! };
      }),
      /overlap/,
    ],
    [
      'an unknown type',
      withHeader((header) => {
        header[first(header)]!.dtype = 'F8_E4M3';
      }),
      /unknown type/,
    ],
    ['a header longer than the file', Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 123]), /header claims|bytes/],
    ['a header of the largest length', Buffer.alloc(16, 255), /header claims/],
    ['nothing', Buffer.alloc(0), /bytes 0 to 8 are wanted/],
  ];
  for (const [name, bytes, reason] of headers) {
    test(`whose weights hold ${name} is refused`, () => refuses(changed('model.safetensors', bytes), reason));
  }

  for (const name of [
    '../model.safetensors',
    '/etc/passwd',
    'a/b.safetensors',
    '.hidden',
    'gone.safetensors',
  ]) {
    test(`whose index names ${name} is refused`, () => {
      const index = JSON.stringify({ weight_map: { 'model.norm.weight': name } });
      return refuses(changed('model.safetensors.index.json', index), /leaves the directory|missing/);
    });
  }

  test('whose weights are a pickle is refused', async () => {
    const folder = changed('pytorch_model.bin', Buffer.from('\x80\x02cposix\nsystem\nq\x00.', 'latin1'));
    rmSync(join(folder, 'model.safetensors'));
    await refuses(folder, /safetensors/);
  });

  test('whose weights are a link is refused', async () => {
    const folder = changed('model.safetensors', '');
    rmSync(join(folder, 'model.safetensors'));
    symlinkSync(fixturePath('decoders/smollm2/model.safetensors'), join(folder, 'model.safetensors'));
    await refuses(folder, /not a regular file/);
  });

  test('cut off anywhere, or with any bytes changed, is taken or refused', async () => {
    const bytes = original('model.safetensors');
    const headerEnd = 8 + Number(bytes.readBigUInt64LE(0));
    const folder = changed('model.safetensors', bytes);
    const write = (content: Uint8Array) => writeFileSync(join(folder, 'model.safetensors'), content);
    for (let length = 0; length < bytes.length; length += 1 + Math.floor(bytes.length / 100)) {
      write(bytes.subarray(0, length));
      assert.ok((await attempt(folder)) !== null, `cut off at ${length}`);
    }
    const edits = fc.array(fc.tuple(fc.nat(headerEnd), fc.nat(255)), { minLength: 1, maxLength: 5 });
    const property = fc.asyncProperty(edits, async (pairs) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of pairs) copy[at] = value;
      write(copy);
      await attempt(folder);
    });
    await fc.assert(property, { numRuns: 100 });
  });
});

describe('a GGUF file', () => {
  const file = (): Buffer => readFileSync(fixturePath('gguf/llama3.gguf'));

  test('is taken as it was written', async () => {
    assert.equal(await attempt(fixturePath('gguf/llama3.gguf')), null);
  });

  test('of another format, or with counts that cannot be, is refused', async () => {
    const path = place('.gguf');
    const write = (at: number, value: bigint): void => {
      const bytes = file();
      bytes.writeBigUInt64LE(value, at);
      writeFileSync(path, bytes);
    };
    writeFileSync(path, 'GGML and some more text to be long enough');
    await refuses(path, /does not start with "GGUF"/);
    write(8, 2n ** 63n);
    await refuses(path, /claims 9223372036854775808 tensors/);
    write(16, 2n ** 40n);
    await refuses(path, /metadata entries/);
  });

  test('cut off anywhere is refused', { timeout: 60_000 }, async () => {
    const path = place('.gguf');
    const bytes = file();
    for (let length = 0; length < bytes.length; length += length < 6_000 ? 97 : 7_919) {
      writeFileSync(path, bytes.subarray(0, length));
      assert.ok((await attempt(path)) !== null, `cut off at ${length}`);
    }
  });

  test('with any bytes of its head changed is taken or refused', { timeout: 120_000 }, async () => {
    const path = place('.gguf');
    const bytes = file();
    const edits = fc.array(fc.tuple(fc.nat(4_000), fc.nat(255)), { minLength: 1, maxLength: 5 });
    const property = fc.asyncProperty(edits, async (pairs) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of pairs) copy[at] = value;
      writeFileSync(path, copy);
      await attempt(path);
    });
    await fc.assert(property, { numRuns: 80 });
  });
});
