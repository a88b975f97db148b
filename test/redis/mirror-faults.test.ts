import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readAll } from '../../core/feedback/log-reader.ts';
import type { LogRecord } from '../../core/feedback/record.ts';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { createRng } from '../../core/rng.ts';
import { pause, until } from '../until.ts';
import type { Answer } from './mirror-replica.ts';
import { noRedis, RedisServer } from './redis-server.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-faults-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const entry = fileURLToPath(new URL('./mirror-replica.js', import.meta.url));

/** One process of a replica at a time, over one folder. */
class Replica {
  /** Ids of rows that it has acknowledged, over all of its lives. */
  readonly acknowledged: string[] = [];
  readonly failures: string[] = [];
  readonly problems: string[] = [];
  readonly dir = join(root, String(numFolders++));
  private readonly origin: string;
  private readonly url: string;
  private child: ChildProcess | null = null;
  private numCalls = 0;

  constructor(origin: string, url: string) {
    this.origin = origin;
    this.url = url;
    mkdirSync(learningLayout(this.dir).cursors, { recursive: true });
  }

  /** `maxFileKiB` is what the system lets each of its files grow to. */
  async start(maxFileKiB: number | null = null): Promise<void> {
    const options = JSON.stringify({ url: this.url, origin: this.origin, dir: this.dir });
    const child =
      maxFileKiB === null
        ? fork(entry, [options])
        : spawn(
            'bash',
            ['-c', `ulimit -f ${maxFileKiB}; trap "" XFSZ; exec "$@"`, '-', process.execPath, entry, options],
            {
              stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
            },
          );
    this.child = child;
    const ready = new Promise<void>((resolve) => {
      child.on('message', (answer: Answer) => {
        if ('id' in answer) this.acknowledged.push(answer.id);
        else if ('failure' in answer) this.failures.push(answer.failure);
        else if (answer.problem === 'ready') resolve();
        else this.problems.push(answer.problem);
      });
    });
    child.on('error', () => {});
    await ready;
  }

  give(text: string): void {
    this.child?.send({ call: ++this.numCalls, text }, () => {});
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Ids of the rows in its log, each as often as it is there. */
  async rows(): Promise<string[]> {
    const ids: string[] = [];
    const { feedback } = learningLayout(this.dir);
    for await (const { record } of readAll(feedback, (json) => json as LogRecord)) ids.push(record.id);
    return ids;
  }
}

const holds = (replica: Replica, ids: readonly string[]) => async (): Promise<boolean> => {
  const rows = new Set(await replica.rows());
  return ids.every((id) => rows.has(id));
};

describe('feedback of replicas', { skip: noRedis }, () => {
  test('is on each of them once, whatever was killed and stopped meanwhile: replicas and Redis', async () => {
    const seed = Date.now() % 1_000_000;
    const rng = createRng(seed);
    const server = await RedisServer.start();
    const replicas = [new Replica('a', server.url), new Replica('b', server.url)];
    try {
      for (const replica of replicas) await replica.start();
      let isOver = false;
      const giving = (async () => {
        for (let n = 0; !isOver; n++) {
          replicas[n % 2]!.give(`row ${n} ${'x'.repeat(300)}`);
          await pause(2);
        }
      })();
      for (let round = 0; round < 8; round++) {
        await pause(100 + 200 * rng.next());
        const victim = replicas[Math.floor(2 * rng.next())]!;
        const kind = Math.floor(4 * rng.next());
        if (kind === 0) {
          await server.kill();
          await pause(200 * rng.next());
          await server.start();
        } else if (kind === 1) {
          server.signal('SIGSTOP');
          await pause(400);
          server.signal('SIGCONT');
        } else if (kind === 2) {
          victim.signal('SIGSTOP');
          await pause(400);
          victim.signal('SIGCONT');
        } else {
          await victim.kill();
          await victim.start();
        }
      }
      isOver = true;
      await giving;
      await pause(200);
      const all = replicas.flatMap(({ acknowledged }) => acknowledged);
      assert.ok(all.length > 100, `${all.length} rows, seed ${seed}`);
      for (const replica of replicas)
        await until(holds(replica, all), `all rows are there, seed ${seed}`, 30_000);
      await pause(300);
      const [ofA, ofB] = [await replicas[0]!.rows(), await replicas[1]!.rows()];
      for (const rows of [ofA, ofB]) assert.equal(new Set(rows).size, rows.length, `each once, seed ${seed}`);
      // Rows that were durable when their replica died before it could say so are there, too, and on both.
      assert.deepEqual([...ofA].sort(), [...ofB].sort(), `seed ${seed}`);
    } finally {
      for (const replica of replicas) await replica.kill();
      await server.close();
    }
  });

  test('comes back to a replica that has lost its volume and keeps its name, its own rows too', async () => {
    const server = await RedisServer.start();
    const [a, b] = [new Replica('a', server.url), new Replica('b', server.url)];
    try {
      await Promise.all([a.start(), b.start()]);
      for (let n = 0; n < 200; n++) [a, b][n % 2]!.give(`row ${n}`);
      await until(() => a.acknowledged.length + b.acknowledged.length === 200, 'all is taken');
      const all = [...a.acknowledged, ...b.acknowledged];
      for (const replica of [a, b]) await until(holds(replica, all), 'both have all');
      await b.kill();
      rmSync(b.dir, { recursive: true });
      mkdirSync(learningLayout(b.dir).cursors, { recursive: true });
      a.give('while it was away');
      await b.start();
      // It takes feedback at once, and is killed in the midst of coming back.
      b.give('while it comes back');
      await pause(50);
      await b.kill();
      await b.start();
      await until(() => a.acknowledged.length === 101, 'the others take feedback');
      await until(holds(b, [...all, ...a.acknowledged]), 'all of it is there again', 10_000);
      await until(holds(a, b.acknowledged), 'and goes out as ever');
      for (const replica of [a, b]) {
        const rows = await replica.rows();
        assert.equal(new Set(rows).size, rows.length, 'each once');
      }
      assert.ok(b.problems.some((problem) => problem.includes('after the loss of its volume')));
    } finally {
      for (const replica of [a, b]) await replica.kill();
      await server.close();
    }
  });

  test('is refused by a replica whose disk is full, waits for it in the stream, and comes when there is room', async (context) => {
    if (spawnSync('bash', ['-c', 'true']).status !== 0)
      return context.skip('bash is needed to limit the size of files');
    const server = await RedisServer.start();
    const [a, full] = [new Replica('a', server.url), new Replica('full', server.url)];
    try {
      await a.start();
      await full.start(64);
      for (let n = 0; n < 100; n++) a.give(`row ${n} ${'x'.repeat(1_000)}`);
      await until(() => a.acknowledged.length === 100, 'a has taken all');
      await until(() => full.problems.length > 0, 'the other says that it cannot', 10_000);
      for (let n = 0; n < 100; n++) full.give(`own row ${n} ${'x'.repeat(1_000)}`);
      await until(() => full.failures.length > 0, 'its own feedback is refused');
      assert.ok(
        full.failures.every((code) => code === 'feedback_unavailable'),
        full.failures.join(),
      );
      const pending = (await server.ask('XPENDING', '{test}:stream:feedback', 'full')) as [number];
      assert.ok(pending[0] > 0, 'what it could not keep is not acknowledged');
      await full.kill();
      await full.start();
      await until(holds(full, a.acknowledged), 'it has all of them', 20_000);
      await until(holds(a, full.acknowledged), 'and a what the other has taken');
      const rows = await full.rows();
      assert.equal(new Set(rows).size, rows.length);
    } finally {
      await a.kill();
      await full.kill();
      await server.close();
    }
  });
});
