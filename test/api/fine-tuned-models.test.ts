/** Models that jobs have made, asked for by name: those of the base that is served, and those whose base was replaced. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import OpenAI, { NotFoundError } from 'openai';
import { fineTunedName } from '../../core/jobs/fine-tuned-name.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { openLearning } from '../../server/learning/learning.ts';
import { publishFake } from '../../server/rollout/fake-versions.ts';
import { type Gateway, modelId, startGateway } from './gateway.ts';

const [digest, replaced] = [`sha256:${'c'.repeat(64)}`, `sha256:${'d'.repeat(64)}`];
const shortBase = digest.slice(0, 19);
const tenant = 'anonymous';
const dir = mkdtempSync(join(tmpdir(), 'millrace-api-tuned-'));

let gateway: Gateway;
let client: OpenAI;

before(async () => {
  gateway = await startGateway({
    adapt: (model) => ({ ...model, version: shortBase, digest }),
    learning: ({ id, engine }) =>
      openLearning({
        dir,
        models: [{ id, base: digest, shortBase, engine }],
        defaultModel: id,
        modelsDir: join(dir, 'models'),
        tenants: [tenant],
        baseMoves: () => ({ to: async () => {}, close: async () => {} }),
        consolidateAfter: 0,
        maxAdapterRows: 64,
        canaryShare: 0,
        maxShadowMs: 5_000,
        keeper: {
          responses: null,
          log: { segmentBytes: 1e6, totalBytes: 1e7, maxPending: 100 },
          maxIndexed: 1_000,
        },
        memory: null,
        onProblem: (problem) => assert.fail(problem),
        onSwap: () => {},
      }),
  });
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'any', maxRetries: 0, timeout: 10_000 });
});
after(async () => {
  await gateway.close();
  rmSync(dir, { recursive: true });
});

/** Name of a version that a job made on the base. */
async function tunedOn(base: string, owner = tenant): Promise<{ name: string; adapter: string }> {
  const adapter = await publishFake(learningLayout(dir), { model: modelId, tenant: owner, base });
  return { name: fineTunedName({ model: modelId, tenant: owner, suffix: 'mine', adapter }), adapter };
}

const ask = (model: string) =>
  client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 });

test('a model that was tuned on the base that is served answers, and is found by its name', async () => {
  const { name, adapter } = await tunedOn(digest);
  assert.equal((await ask(name)).system_fingerprint, `${shortBase}+${adapter}`);
  const found = await client.models.retrieve(name);
  assert.deepEqual([found.id, found.object], [name, 'model']);
  assert.equal((found as unknown as { version: string }).version, `${shortBase}+${adapter}`);
});

test('one whose base was replaced is refused with the reason and the way out, and is listed nowhere', async () => {
  const { name, adapter } = await tunedOn(replaced);
  for (const asked of [() => ask(name), () => client.models.retrieve(name)]) {
    await assert.rejects(asked(), (error: unknown) => {
      assert.ok(error instanceof NotFoundError && error.code === 'base_replaced', String(error));
      assert.match(error.message, new RegExp(`${adapter} was made for the base ${replaced.slice(0, 19)}`));
      assert.match(error.message, /Train it again, or have that base served again/);
      return true;
    });
  }
  const listed: string[] = [];
  for await (const { id } of client.models.list()) listed.push(id);
  assert.ok(listed.includes(modelId) && !listed.includes(name), listed.join());
});

test("another tenant's is not there, whatever its base", async () => {
  for (const base of [digest, replaced]) {
    const { name } = await tunedOn(base, 'other');
    await assert.rejects(ask(name), (error: unknown) => {
      assert.ok(error instanceof NotFoundError && error.code === 'version_not_found', String(error));
      return true;
    });
  }
});
