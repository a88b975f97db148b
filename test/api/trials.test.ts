/** Canaries, the guard after a promotion, and shadows, over HTTP and real aliases on disk. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import type { ServedGenerator } from '../../server/completion/served-model.ts';
import { type Learning, openLearning } from '../../server/learning/learning.ts';
import { publishFake } from '../../server/rollout/fake-versions.ts';
import type { TrialOptions } from '../../server/rollout/trial.ts';
import { until } from '../until.ts';
import { type Gateway, modelId, post, startGateway } from './gateway.ts';

const digest = `sha256:${'c'.repeat(64)}`;
const version = digest.slice(0, 19);
const tenant = 'anonymous';

interface Server extends Gateway {
  readonly learning: Learning;
  readonly dir: string;
  /** Adapters that the engine fails on. */
  readonly faulty: Set<string>;
  publish(): Promise<string>;
}

let servers: Server[] = [];
afterEach(async () => {
  for (const server of servers) {
    await server.close();
    rmSync(server.dir, { recursive: true });
  }
  servers = [];
});

/** The engine of the gateway's model, on which some versions fail as a version does: when their sequence runs. */
function failingOn(faulty: ReadonlySet<string>, model: ServedGenerator): ServedGenerator {
  const { engine } = model;
  const submit: typeof engine.submit = (spec, onEvent) => {
    if (spec.adapter === null || !faulty.has(spec.adapter)) return engine.submit(spec, onEvent);
    const end = {
      kind: 'end',
      id: spec.id,
      reason: 'error',
      numGenerated: 0,
      message: 'a step failed',
    } as const;
    queueMicrotask(() => onEvent(end));
  };
  return { ...model, version, digest, engine: { ...engine, submit } };
}

async function start(trials: Partial<TrialOptions> = {}): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-api-trials-'));
  const faulty = new Set<string>();
  let learning: Learning | null = null;
  const gateway = await startGateway({
    adapt: (model) => failingOn(faulty, model),
    learning: async ({ id, engine }) =>
      (learning = await openLearning({
        dir,
        models: [{ id, base: digest, shortBase: version, engine }],
        defaultModel: id,
        modelsDir: join(dir, 'models'),
        tenants: [tenant],
        baseMoves: () => ({ to: async () => {}, close: async () => {} }),
        consolidateAfter: 0,
        maxAdapterRows: 1_000,
        canaryShare: 0,
        trials,
        maxShadowMs: 5_000,
        keeper: {
          responses: { keepMs: 3_600_000, totalBytes: 1e7, maxResponses: 1_000 },
          log: { segmentBytes: 1e6, totalBytes: 1e7, maxPending: 100 },
          maxIndexed: 1_000,
        },
        memory: null,
        onProblem: (problem) => assert.fail(problem),
        onSwap: () => {},
      })),
  });
  const about = { model: modelId, tenant, base: digest };
  const publish = () => publishFake(learningLayout(dir), about);
  const server = { ...gateway, learning: learning!, dir, faulty, publish };
  servers.push(server);
  return server;
}

const get = async (url: string) => (await fetch(url)).json() as Promise<Json>;

interface Json {
  // Answers of the server under test; what is read is asserted.
  // biome-ignore lint/suspicious/noExplicitAny: shapes are what the tests are about
  readonly [field: string]: any;
}

interface Asked {
  readonly status: number;
  readonly version: string;
  readonly id: string;
  readonly text: string;
}

async function ask({ url }: Server, user: string, more: object = {}): Promise<Asked> {
  const messages = [{ role: 'user', content: 'Where does the water go?' }];
  const body = { model: modelId, messages, user, max_tokens: 4, temperature: 0, ignore_eos: true, ...more };
  const response = await post(`${url}/v1/chat/completions`, body);
  const { id = '', choices } = (await response.json()) as Json;
  const version = response.headers.get('x-millrace-version') ?? '';
  return { status: response.status, version, id, text: choices?.[0].message.content ?? '' };
}

/** As a client sees it: what was answered in full, or not. */
async function askForStream({ url }: Server, user: string): Promise<'done' | 'failed'> {
  const messages = [{ role: 'user', content: 'Where does the water go?' }];
  const body = { model: modelId, messages, user, max_tokens: 4, ignore_eos: true, stream: true };
  const response = await post(`${url}/v1/chat/completions`, body);
  return (await response.text()).includes('[DONE]') ? 'done' : 'failed';
}

const promote = async ({ adminUrl }: Server, id: string): Promise<void> =>
  assert.equal((await post(`${adminUrl}/admin/versions/${id}/promote`, { tenant })).status, 200);
const setCanary = async ({ adminUrl }: Server, id: string): Promise<void> =>
  assert.equal((await post(`${adminUrl}/admin/canary`, { tenant, version: id, percent: 50 })).status, 200);
const trialsOf = ({ adminUrl }: Server) => get(`${adminUrl}/admin/trials?tenant=${tenant}`);

test('a canary that fails is taken back within a second, and no request fails afterwards', async (context) => {
  const server = await start();
  const [stable, canary] = [await server.publish(), await server.publish()];
  await promote(server, stable);
  await setCanary(server, canary);
  server.faulty.add(canary);
  let failures = 0;
  let breachMs = 0;
  for (let n = 0; failures < 3 && n < 100; n++) {
    const isFailed =
      n % 2 === 0
        ? (await ask(server, `user ${n}`)).status !== 200
        : (await askForStream(server, `user ${n}`)) === 'failed';
    if (isFailed && ++failures === 3) breachMs = performance.now();
  }
  await until(() => server.learning.rollout.of(modelId, tenant).canary === null, 'the canary is gone');
  const tookMs = performance.now() - breachMs;
  context.diagnostic(`${tookMs.toFixed(1)} ms from the answer that told the third failure`);
  assert.ok(tookMs < 1_000, `${tookMs} ms`);
  for (let n = 0; n < 20; n++) {
    const { status, version: answered } = await ask(server, `user ${n}`);
    assert.deepEqual([status, answered], [200, `${version}+${stable}`]);
  }
  const { canary: none, decisions } = await trialsOf(server);
  assert.equal(none, null);
  const { trial, kind, reason, effect, evidence } = decisions[0];
  assert.deepEqual([trial, kind, reason, effect], ['canary', 'rollback', 'failures-in-row', 'moved']);
  assert.deepEqual(evidence.tallies.canary.failures, 3);
});

test('a canary whose answers are rated better becomes stable, and nobody’s name is written down', async () => {
  const server = await start({ experiment: { minMs: 200, minRatedUnits: 12 } });
  const canary = await server.publish();
  await setCanary(server, canary);
  const { rollout } = server.learning;
  const askAndRate = async (n: number): Promise<void> => {
    const { id, version: answered } = await ask(server, `Ida Korvel ${n}`);
    const value = answered.endsWith(canary) || n % 5 === 0 ? 1 : -1;
    const rating = { response_id: id, kind: 'rating', value };
    assert.equal((await post(`${server.url}/v1/feedback`, rating)).status, 202);
  };
  for (let n = 0; rollout.of(modelId, tenant).stable !== canary && n < 200; n += 4)
    await Promise.all([n, n + 1, n + 2, n + 3].map(askAndRate));
  await until(() => rollout.of(modelId, tenant).stable === canary, 'it is stable');
  const { decisions, watch, usual } = await trialsOf(server);
  assert.deepEqual([decisions[0].kind, decisions[0].reason], ['promote', 'better-quality']);
  assert.deepEqual([watch.version, watch.against], [canary, null]);
  assert.ok(usual.judgements > 0);
  const files = readdirSync(server.dir, { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  );
  const texts = files.map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'));
  assert.ok(texts.some((text) => text.includes('"conversation":"')));
  assert.ok(texts.every((text) => !text.includes('Korvel')));
});

test('a version that was promoted at once and fails is gone back from, and its fault is on record', async () => {
  const server = await start();
  const [before, bad] = [await server.publish(), await server.publish()];
  await promote(server, before);
  for (let n = 0; n < 10; n++) await ask(server, `user ${n}`);
  server.faulty.add(bad);
  await promote(server, bad);
  let failures = 0;
  for (let n = 0; n < 3; n++) if ((await ask(server, `user ${n}`)).status !== 200) failures++;
  assert.equal(failures, 3);
  await until(() => server.learning.rollout.of(modelId, tenant).stable === before, 'it is taken back');
  for (let n = 0; n < 10; n++) assert.equal((await ask(server, `user ${n}`)).status, 200);
  const [decision] = (await trialsOf(server)).decisions;
  assert.deepEqual(
    [decision.trial, decision.version, decision.against, decision.kind],
    ['watch', bad, before, 'rollback'],
  );
});

test('requests that name their version, and those that their client gives up, say nothing of it', async () => {
  const server = await start();
  const [stable, canary] = [await server.publish(), await server.publish()];
  await promote(server, stable);
  await setCanary(server, canary);
  server.faulty.add(canary);
  for (let n = 0; n < 8; n++)
    assert.notEqual((await ask(server, `user ${n}`, { millrace: { version: canary } })).status, 200);
  server.faulty.delete(canary);
  for (let n = 0; n < 8; n++) {
    const left = new AbortController();
    const messages = [{ role: 'user', content: 'x' }];
    const body = JSON.stringify({
      model: modelId,
      messages,
      user: `u${n}`,
      max_tokens: 200,
      ignore_eos: true,
    });
    const headers = { 'content-type': 'application/json' };
    const url = `${server.url}/v1/chat/completions`;
    const gone = fetch(url, { method: 'POST', headers, body, signal: left.signal }).catch(() => null);
    await until(() => server.engine.stats().numRunning > 0, 'it runs');
    left.abort();
    await gone;
    await until(() => server.engine.stats().numRunning === 0, 'it has ended');
  }
  const { tallies } = (await trialsOf(server)).canary.evidence;
  assert.deepEqual([tallies.stable.requests, tallies.canary.requests], [0, 0]);
});

test('a shadow, sound or failing, changes no answer; what it would have said is compared', async () => {
  const server = await start();
  const shadow = await server.publish();
  const setShadow = async (id: string | null): Promise<void> =>
    assert.equal((await post(`${server.adminUrl}/admin/shadow`, { tenant, version: id })).status, 200);
  const options = { temperature: 0.7, seed: 7 };
  const answers = async (): Promise<string[]> => {
    const texts: string[] = [];
    for (let n = 0; n < 6; n++) {
      const { status, text } = await ask(server, `user ${n}`, { ...options, seed: n });
      assert.equal(status, 200);
      texts.push(text);
    }
    return texts;
  };
  const shown = await answers();
  assert.equal((await trialsOf(server)).shadow, null);
  await setShadow(shadow);
  assert.deepEqual(await answers(), shown);
  const reported = async () => (await trialsOf(server)).shadow;
  await until(async () => {
    const { numPairs = 0, skipped = 0 } = (await reported()) ?? {};
    return numPairs + skipped === 6;
  }, 'all are compared or skipped');
  const first = await reported();
  assert.ok(first.numPairs > 0);
  assert.deepEqual([first.version, first.numFailures, first.equalShare], [shadow, 0, 0]);
  server.faulty.add(shadow);
  assert.deepEqual(await answers(), shown);
  await until(async () => (await reported()).numFailures > 0, 'a failure is counted');
  await setShadow(null);
  assert.equal(await reported(), null);
});
