/** A real toxiproxy between replicas and their Redis: every call ends in time, serving goes on, feedback arrives later, once. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { readAll } from '../../core/feedback/log-reader.ts';
import type { LogRecord } from '../../core/feedback/record.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { type LearningServer, serveLearning } from '../e2e/learning-server.ts';
import { modelName, TinyModel } from '../e2e/tiny-model.ts';
import { pause, until } from '../until.ts';
import { noRedis, RedisServer } from './redis-server.ts';
import { callsOf, closeShared, commandMs, endOf, openShared, type Shared, works } from './shared-calls.ts';
import { noToxiproxy, type Toxic, Toxiproxy } from './toxiproxy.ts';

/** For a machine that is busy with other things. */
const slackMs = 250;
const mendMs = 5_000;
const waitMs = 20_000;
const secret = 'a-key-of-the-test';
const sha256 = createHash('sha256').update(secret).digest('hex');
const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };

interface Fault {
  readonly name: string;
  readonly toxics: readonly Toxic[];
  /** What goes with the toxics. */
  readonly begin?: (proxy: Toxiproxy, redis: RedisServer) => Promise<unknown>;
  /** Whether a call may succeed: the fault is of connections that are there, and another one is soon made. */
  readonly mayWork?: boolean;
  /** Whether no command gets to Redis; otherwise it may do what it is asked, and only the answer is lost. */
  readonly isCut?: boolean;
}

const cutConnections = (_proxy: Toxiproxy, redis: RedisServer): Promise<unknown> =>
  redis.ask('client', 'kill', 'type', 'normal', 'skipme', 'yes');

const faults: readonly Fault[] = [
  {
    name: 'latency of 600 ms in answers',
    toxics: [{ stream: 'downstream', type: 'latency', attributes: { latency: 600, jitter: 100 } }],
  },
  {
    name: 'timeout: answers do not come, and connections stay',
    toxics: [{ stream: 'downstream', type: 'timeout', attributes: { timeout: 0 } }],
  },
  {
    name: 'timeout: nothing gets there, and connections end after 300 ms',
    toxics: [{ stream: 'upstream', type: 'timeout', attributes: { timeout: 300 } }],
    isCut: true,
  },
  {
    name: 'limit_data: a connection ends in the middle of an answer',
    toxics: [{ stream: 'downstream', type: 'limit_data', attributes: { bytes: 1 } }],
  },
  {
    name: 'reset_peer: connections are reset',
    toxics: [{ stream: 'downstream', type: 'reset_peer', attributes: { timeout: 0 } }],
  },
  {
    name: 'slow_close: connections that Redis has ended stay for 3 s',
    toxics: [{ stream: 'downstream', type: 'slow_close', attributes: { delay: 3_000 } }],
    begin: cutConnections,
    mayWork: true,
  },
  {
    name: 'a partition: connections are refused',
    toxics: [],
    begin: (proxy) => proxy.refuse(),
    isCut: true,
  },
  {
    name: 'a partition: nothing passes in either direction, and nothing is closed',
    toxics: [
      { stream: 'upstream', type: 'timeout', attributes: { timeout: 0 } },
      { stream: 'downstream', type: 'timeout', attributes: { timeout: 0 } },
    ],
    isCut: true,
  },
];

describe('over a real toxiproxy', { skip: noRedis || noToxiproxy }, () => {
  let redis: RedisServer;
  let proxy: Toxiproxy;
  before(async () => {
    redis = await RedisServer.start();
    proxy = await Toxiproxy.start(redis.port);
  });
  afterEach(() => proxy.mend());
  after(async () => {
    await proxy?.close();
    await redis?.close();
  });

  async function breakWay({ toxics, begin }: Fault): Promise<void> {
    for (const toxic of toxics) await proxy.add(toxic);
    await begin?.(proxy, redis);
  }

  describe('what replicas share', () => {
    let shared: Shared;
    before(async () => {
      shared = await openShared(proxy.url);
    });
    after(() => closeShared(shared));

    test('works over a way that is slow, but not too slow', async () => {
      await proxy.add({ stream: 'downstream', type: 'latency', attributes: { latency: 50 } });
      const { sinceMs } = shared.link.state();
      assert.equal(await works(shared), true);
      assert.equal(shared.link.state().sinceMs, sinceMs, 'over the same connection');
    });

    for (const fault of faults)
      test(`${fault.name}: each call ends in time, and works again when it is over`, async () => {
        await breakWay(fault);
        for (const [what, call] of Object.entries(callsOf(shared))) {
          const { error, tookMs } = await endOf(call);
          const isUnavailable = error instanceof MillraceError && error.code === 'cluster_unavailable';
          assert.ok(isUnavailable || (error === null && fault.mayWork), `${what}: ${error}`);
          // A call may be two commands; the second one is not sent when the first has failed.
          const maxMs = (isUnavailable ? 1 : 2) * commandMs + slackMs;
          assert.ok(tookMs < maxMs, `${what} took ${tookMs} ms`);
        }
        await proxy.mend();
        await until(() => works(shared), 'all of it works again', mendMs);
      });
  });

  describe('servers', () => {
    const root = mkdtempSync(join(tmpdir(), 'millrace-toxiproxy-'));
    const dirOf = (name: string): string => join(root, name);
    const opened: LearningServer[] = [];
    let far: LearningServer;
    let near: LearningServer;

    before(async () => {
      const model = new TinyModel(root);
      await model.import();
      const config = join(root, 'millrace.yaml');
      // With a limit each request asks Redis.
      const key = { name: 'key', sha256, scopes: ['inference', 'metrics'], requestsPerMinute: 1_000_000 };
      writeFileSync(config, JSON.stringify({ auth: { keys: [key] } }));
      const start = async (name: string, redisUrl: string): Promise<LearningServer> => {
        const server = await serveLearning([
          ...['--models-dir', model.modelsDir, '--model', modelName, '--models-embeddings='],
          ...['--learning-dir', dirOf(name), '--engine-max-context', '128', '--engine-threads', '1'],
          ...['--cluster-redis-url', redisUrl, '--cluster-replica', name, '--cluster-token', 'for the test'],
          ...['--cluster-role', 'follower', '--cluster-files-port', '0'],
          ...['--config', config],
        ]);
        opened.push(server);
        return server;
      };
      far = await start('far', proxy.url);
      near = await start('near', redis.url);
    });
    after(async () => {
      await Promise.all(opened.map((server) => server.kill('SIGKILL')));
      rmSync(root, { recursive: true, force: true });
    });

    async function post<T>({ url }: LearningServer, path: string, body: object): Promise<T> {
      const answer = await fetch(`${url}/v1/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(waitMs),
      });
      const text = await answer.text();
      assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
      return JSON.parse(text) as T;
    }

    /** An answer and a correction of it. */
    async function teach(server: LearningServer, what: string): Promise<string> {
      const body = { model: modelName, prompt: `${what} `, max_tokens: 4 };
      const { id } = await post<{ id: string }>(server, 'completions', body);
      const row = { response_id: id, kind: 'correction', text: `The answer to ${what}.` };
      return (await post<{ id: string }>(server, 'feedback', row)).id;
    }

    async function rowsOf(name: string): Promise<string[]> {
      const ids: string[] = [];
      const { feedback } = learningLayout(dirOf(name));
      for await (const { record } of readAll(feedback, (json) => json as LogRecord)) ids.push(record.id);
      return ids;
    }

    /** NaN where it has none. */
    async function metric(server: LearningServer, series: string): Promise<number> {
      const answer = await fetch(`${server.url}/metrics`, { headers, signal: AbortSignal.timeout(waitMs) });
      const line = (await answer.text()).split('\n').find((each) => each.startsWith(`${series} `));
      return Number(line?.slice(series.length + 1) ?? Number.NaN);
    }

    const isUp = async (server: LearningServer): Promise<boolean> =>
      (await metric(server, 'millrace_redis_up')) === 1;
    const unsent = 'millrace_cluster_unsent_rows{log="feedback"}';

    for (const fault of faults)
      test(`${fault.name}: one that is behind it answers and takes feedback, which the other has afterwards, once`, async () => {
        await until(async () => (await isUp(far)) && (await isUp(near)), 'both have Redis', waitMs);
        await breakWay(fault);
        const given: string[] = [];
        const endMs = performance.now() + 2_000;
        while (performance.now() < endMs) {
          const beginMs = performance.now();
          given.push(await teach(far, `question ${given.length} of ${fault.name}`));
          const tookMs = performance.now() - beginMs;
          // Of its two requests each may wait for one command.
          assert.ok(tookMs < 2 * (commandMs + slackMs), `${tookMs} ms`);
          await pause(50);
        }
        const other = await teach(near, `meanwhile, ${fault.name}`);
        if (fault.isCut) {
          const early = new Set(await rowsOf('near'));
          assert.ok(
            given.every((row) => !early.has(row)),
            'what is cut off has not been sent',
          );
          const isCounted = async () => (await metric(far, unsent)) === given.length;
          await until(isCounted, 'what waits is counted', waitMs);
        }
        await proxy.mend();
        const has = async (name: string, rows: readonly string[]): Promise<boolean> => {
          const all = new Set(await rowsOf(name));
          return rows.every((row) => all.has(row));
        };
        await until(() => has('near', given), 'the other has what was given meanwhile', waitMs);
        await until(() => has('far', [other]), 'and it has what the other was given', waitMs);
        await until(async () => (await metric(far, unsent)) === 0, 'nothing waits any more', waitMs);
        await pause(300);
        for (const name of ['near', 'far']) {
          const rows = await rowsOf(name);
          assert.equal(new Set(rows).size, rows.length, `${name} has each once`);
        }
      });
  });
});
