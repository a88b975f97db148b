/** Files that come from strangers or from a disk that forgets: changed anywhere, they are taken or refused, and no more. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Adapter } from '../../core/adapter/adapter.ts';
import { loraParameters } from '../../core/adapter/lora.ts';
import { decodePeft, encodePeft } from '../../core/adapter/peft.ts';
import type { DecoderConfig } from '../../core/arch/config.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { MillraceError } from '../../core/errors.ts';
import { checkModel } from '../../core/onnx/check-model.ts';
import { parseAdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { publishAdapter } from '../../core/registry/adapter-store.ts';
import { parseManifest, versionOf } from '../../core/registry/manifest.ts';
import { decodeTensorFile } from '../../core/tensor/tensor-file.ts';
import { loadChatTemplate } from '../../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { TinyModel } from '../e2e/tiny-model.ts';
import { fixturePath } from '../root.ts';
import { tinyTokenizer, tinyTokenizerConfig } from '../tiny-checkpoint.ts';
import { mutatedBytes, mutatedJson } from './mutate.ts';
import { isPlain, told, tryAll } from './trial.ts';

let scratch = '';
let model: TinyModel;
before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'));
  model = new TinyModel(scratch);
  await model.import();
});
after(() => rmSync(scratch, { recursive: true }));

const refuse = (reason: string): never => {
  throw new MillraceError('version_invalid', { path: 'x', reason });
};

const versionFile = (name: string): Buffer => readFileSync(join(model.modelsDir, 'tiny', name));
const versionJson = <T>(name: string): T => JSON.parse(versionFile(name).toString()) as T;
const configOf = (): DecoderConfig => versionJson<{ config: DecoderConfig }>('model.json').config;

function randomAdapter(config: DecoderConfig): Adapter {
  const shape = { rank: 2, alpha: 4, firstLayer: 1, targets: ['q', 'down'] as const };
  const values = loraParameters(config, shape).map(
    ({ name, dims }) => [name, new Float32Array(dims[0]! * dims[1]!).fill(0.25)] as const,
  );
  return { shape, values: new Map(values) };
}

/** Opens and reads all of it. */
async function readCheckpoint(path: string): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  try {
    for (const name of checkpoint.tensors.keys()) await checkpoint.read(name);
  } finally {
    await checkpoint.close();
  }
}

test('safetensors', async (context) => {
  const original = readFileSync(fixturePath('decoders/smollm2/model.safetensors'));
  const head = 8 + Number(original.readBigUInt64LE(0));
  const attempted = await tryAll(
    mutatedBytes(original, { head }),
    (bytes) => decodeTensorFile(bytes, refuse),
    {
      numRuns: 400,
    },
  );
  context.diagnostic(told(attempted));
  assert.ok(attempted.numRefused > 100);
});

test('a checkpoint of Hugging Face, any of its files', { timeout: 120_000 }, async (context) => {
  const folder = join(scratch, 'hugging-face');
  cpSync(fixturePath('decoders/smollm2'), folder, { recursive: true });
  for (const file of readdirSync(folder).filter((name) => name !== 'golden.json')) {
    const original = readFileSync(join(folder, file));
    const attempted = await tryAll(
      mutatedBytes(original, { head: 4_000 }),
      async (bytes) => {
        writeFileSync(join(folder, file), bytes);
        await readCheckpoint(folder);
      },
      { numRuns: 60 },
    );
    writeFileSync(join(folder, file), original);
    context.diagnostic(`${file}: ${told(attempted)}`);
  }
});

test('config.json, whatever stands in its fields', async (context) => {
  const folder = join(scratch, 'config');
  cpSync(fixturePath('decoders/llama3'), folder, { recursive: true });
  const original: unknown = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const attempted = await tryAll(mutatedJson(original), async (json) => {
    writeFileSync(join(folder, 'config.json'), JSON.stringify(json) ?? '');
    await readCheckpoint(folder);
  });
  context.diagnostic(told(attempted));
});

test('GGUF', { timeout: 180_000 }, async (context) => {
  const original = readFileSync(fixturePath('gguf/llama3.gguf'));
  const path = join(scratch, 'fuzzed.gguf');
  const attempted = await tryAll(
    mutatedBytes(original, { head: 6_000 }),
    async (bytes) => {
      writeFileSync(path, bytes);
      await readCheckpoint(path);
    },
    { numRuns: 200 },
  );
  context.diagnostic(told(attempted));
});

test('ONNX', async (context) => {
  const original = versionFile('serving.onnx');
  const names = readdirSync(join(model.modelsDir, 'tiny')).filter((name) => name.endsWith('.bin'));
  const dataFiles = new Map(names.map((name) => [name, versionFile(name).length]));
  checkModel(original, { dataFiles });
  const attempted = await tryAll(mutatedBytes(original), (bytes) => checkModel(bytes, { dataFiles }), {
    numRuns: 300,
    isMeant: isPlain,
  });
  context.diagnostic(told(attempted));
});

test('the manifest of a version: a manifest or a problem, and never half of one', async (context) => {
  const original = versionJson<{ files: Parameters<typeof versionOf>[0] }>('manifest.json');
  assert.ok(!('problem' in parseManifest(JSON.stringify(original))));
  let numWhole = 0;
  const look = (text: string): void => {
    const parsed = parseManifest(text);
    if ('problem' in parsed) {
      assert.equal(typeof parsed.problem, 'string');
      return;
    }
    numWhole++;
    assert.equal(parsed.version, versionOf(parsed.files));
    assert.equal(typeof parsed.source.name, 'string');
    for (const { adapter, tenant } of parsed.source.merged ?? [])
      assert.equal(typeof (adapter + tenant), 'string');
    for (const { verdict } of parsed.gate?.checks ?? []) assert.equal(typeof verdict, 'string');
  };
  await tryAll(mutatedBytes(Buffer.from(JSON.stringify(original))), (bytes) => look(bytes.toString()), {
    numRuns: 400,
  });
  await tryAll(mutatedJson(original), (json) => look(JSON.stringify(json) ?? ''), { numRuns: 400 });
  context.diagnostic(`${numWhole} were whole`);
});

test('the manifest of an adapter, likewise', async (context) => {
  const config = configOf();
  const { shape } = randomAdapter(config);
  const gate = {
    verdict: 'pass' as const,
    checks: [{ name: 'a', verdict: 'pass' as const, value: 1, bound: null }],
  };
  const lineage = {
    model: 'tiny',
    tenant: 't',
    base: `sha256:${'0'.repeat(64)}`,
    parent: null,
    rows: ['r'],
    shape,
    gate,
  };
  const recipe = { kind: 'feedback', steps: 3 };
  const files = { 'a.bin': new Uint8Array(3) };
  const original = await publishAdapter(join(scratch, 'adapters'), files, { ...lineage, recipe }, new Date());
  let numWhole = 0;
  const look = (text: string): void => {
    const parsed = parseAdapterManifest(text);
    if ('problem' in parsed) {
      assert.equal(typeof parsed.problem, 'string');
      return;
    }
    numWhole++;
    assert.ok(parsed.rows.every((row) => typeof row === 'string'));
    assert.equal(typeof parsed.recipe.kind, 'string');
    assert.ok(parsed.shape.targets.length >= 0 && parsed.shape.rank >= 0);
    assert.ok(parsed.createdAt.localeCompare('') > 0);
    for (const { name } of parsed.gate?.checks ?? []) assert.equal(typeof name, 'string');
  };
  await tryAll(mutatedBytes(Buffer.from(JSON.stringify(original))), (bytes) => look(bytes.toString()), {
    numRuns: 400,
  });
  await tryAll(mutatedJson(original), (json) => look(JSON.stringify(json) ?? ''), { numRuns: 400 });
  context.diagnostic(`${numWhole} were whole`);
});

test('an adapter in the files of PEFT', async (context) => {
  const config = configOf();
  const original = encodePeft(randomAdapter(config), config, 'tiny');
  decodePeft(original, config, 'x');
  const head = 8 + Number(Buffer.from(original.weights).readBigUInt64LE(0));
  const weights = await tryAll(
    mutatedBytes(original.weights, { head }),
    (bytes) => decodePeft({ ...original, weights: bytes }, config, 'x'),
    { numRuns: 300 },
  );
  const described: unknown = JSON.parse(new TextDecoder().decode(original.config));
  const configs = await tryAll(
    mutatedJson(described),
    (json) => decodePeft({ ...original, config: Buffer.from(JSON.stringify(json) ?? '') }, config, 'x'),
    { numRuns: 300 },
  );
  context.diagnostic(`weights: ${told(weights)}; configuration: ${told(configs)}`);
});

const texts = ['', 'The mill race.', 'naïve 😀 \ud800 \u0000', 'a'.repeat(2_000), '<|im_start|></s>'];

for (const [name, original] of [
  ['tiny', tinyTokenizer],
  ['llama3', JSON.parse(readFileSync(fixturePath('tokenizers/llama3.json'), 'utf8')) as object],
  [
    'sentence-piece',
    JSON.parse(readFileSync(fixturePath('tokenizers/sentence-piece.json'), 'utf8')) as object,
  ],
  ['word-piece', JSON.parse(readFileSync(fixturePath('tokenizers/word-piece.json'), 'utf8')) as object],
] as const) {
  test(`tokenizer.json: ${name}`, { timeout: 120_000 }, async (context) => {
    const attempted = await tryAll(
      mutatedJson(original),
      (json) => {
        const tokenizer = loadTokenizer({
          tokenizerJson: json as never,
          tokenizerConfig: tinyTokenizerConfig,
        });
        for (const text of texts) {
          for (const allowSpecial of [true, false]) {
            const ids = tokenizer.encode(text, { addSpecialTokens: true, allowSpecial });
            assert.ok(
              ids.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize),
              `${ids}`,
            );
            tokenizer.decode(ids, { skipSpecialTokens: !allowSpecial });
            tokenizer.withoutSpecials(text);
          }
        }
        for (const id of [0, 1, 2, tokenizer.vocabSize - 1]) tokenizer.tokenBytes(id);
      },
      { numRuns: name === 'tiny' ? 300 : 60 },
    );
    context.diagnostic(told(attempted));
  });
}

test('tokenizer_config.json and its template', async (context) => {
  const original = {
    bos_token: { content: '<s>' },
    eos_token: '</s>',
    chat_template:
      "{% for m in messages %}{% if m.role == 'user' %}{{ m.content | trim }}{% else %}{{ m['role'][0] }}{% endif %}{% endfor %}{{ eos_token }}",
  };
  const messages = [{ role: 'user' as const, content: 'a' }];
  const render = (tokenizerConfig: object): void => {
    const template = loadChatTemplate({
      tokenizerJson: tinyTokenizer as never,
      tokenizerConfig: tokenizerConfig as never,
    });
    template?.render(messages, { addGenerationPrompt: true });
  };
  const fields = await tryAll(mutatedJson(original), (json) => render(Object(json)), { numRuns: 200 });
  const templates = await tryAll(
    mutatedBytes(Buffer.from(original.chat_template)),
    (bytes) => render({ ...original, chat_template: bytes.toString() }),
    { numRuns: 300 },
  );
  context.diagnostic(`fields: ${told(fields)}; templates: ${told(templates)}`);
});
