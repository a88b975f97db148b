import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readAll } from '../../core/feedback/log-reader.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import { noRedis, RedisServer, type RedisServerOptions } from '../../test/redis/redis-server.ts';
import { pause, until } from '../../test/until.ts';
import { LogReceiver } from '../cluster/log-receiver.ts';
import { LogSender } from '../cluster/log-sender.ts';
import { MirroredLog } from '../cluster/mirrored-log.ts';
import { RedisLink } from './redis-link.ts';
import { RedisLogStream } from './redis-log-stream.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-mirror-'));
after(() => rmSync(root, { recursive: true }));
let numFolders = 0;

const limits = { segmentBytes: 20_000, totalBytes: 1e9, maxPending: 10_000 };

interface Row {
  readonly id: string;
  readonly text: string;
  readonly origin?: string;
}

const rowOf = (id: string): Row => ({ id, text: 'x'.repeat(100) });

/** Of the test that runs. */
const open: { close(): Promise<void> }[] = [];

/** One replica: its log, which takes what is appended here and what comes from others, and what carries both. */
class Replica {
  readonly name: string;
  readonly problems: string[];
  readonly link: RedisLink;
  readonly writer: LogWriter;
  readonly mirrored: MirroredLog;
  readonly sender: LogSender;
  readonly receiver: LogReceiver<Row>;
  readonly folder: string;
  readonly hooks: {
    /** Is called between the append and its acknowledgement. */ afterAppend(): Promise<void>;
  };

  private closing: Promise<void> | null = null;

  private constructor(
    parts: Pick<
      Replica,
      'name' | 'link' | 'writer' | 'mirrored' | 'folder' | 'sender' | 'receiver' | 'problems' | 'hooks'
    >,
  ) {
    this.name = parts.name;
    this.link = parts.link;
    this.writer = parts.writer;
    this.mirrored = parts.mirrored;
    this.folder = parts.folder;
    this.sender = parts.sender;
    this.receiver = parts.receiver;
    this.problems = parts.problems;
    this.hooks = parts.hooks;
  }

  static async open(
    server: RedisServer,
    name: string,
    folder = join(root, String(numFolders++)),
    maxEntries = 10_000,
  ): Promise<Replica> {
    mkdirSync(folder, { recursive: true });
    const problems: string[] = [];
    const link = new RedisLink({
      url: server.url,
      name: 'test',
      client: name,
      commandMs: 250,
      random: Math.random,
    });
    const stream = new RedisLogStream({ link, name: 'rows', maxEntries });
    const writer = await LogWriter.open(join(folder, 'own'), limits);
    const mirrored = await MirroredLog.open({ folder: join(folder, 'others'), limits, maxKnown: 100_000 });
    const sender = await LogSender.open({
      name: 'rows',
      log: join(folder, 'own'),
      cursor: join(folder, 'sent.json'),
      stream,
      origin: name,
      pollMs: 50,
      onProblem: (problem) => problems.push(problem),
    });
    const hooks = { async afterAppend() {} };
    const receiver = await LogReceiver.open<Row>({
      name: 'rows',
      stream,
      cursor: join(folder, 'received'),
      origin: name,
      pollMs: 10,
      groupIdleMs: 1e9,
      async append(rows) {
        await mirrored.append(rows);
        await hooks.afterAppend();
      },
      onProblem: (problem) => problems.push(problem),
    });
    const replica = new Replica({ name, link, writer, mirrored, folder, sender, receiver, problems, hooks });
    open.push(replica);
    return replica;
  }

  async append(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.writer.append(rowOf(id))));
    this.sender.wake();
  }

  /** Ids that have come from others, in the order of the log, each as often as it is there. */
  async received(): Promise<string[]> {
    const ids: string[] = [];
    for await (const { record } of readAll(join(this.folder, 'others'), (json) => json as Row))
      ids.push(record.id);
    return ids;
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    await this.sender.close();
    await this.receiver.close();
    await this.link.close();
    await this.writer.close();
    await this.mirrored.close();
  }
}

const idsOf = (name: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `${name}-${from + index}`);

const has = (replica: Replica, count: number) => async (): Promise<boolean> =>
  (await replica.received()).length >= count;

async function withServer(
  work: (server: RedisServer) => Promise<void>,
  options: RedisServerOptions = {},
): Promise<void> {
  const server = await RedisServer.start(options);
  try {
    await work(server);
  } finally {
    await Promise.all(open.splice(0).map((replica) => replica.close()));
    await server.close();
  }
}

describe('logs of several replicas', { skip: noRedis }, () => {
  test('each gets what the others append, in their order, once, soon, and sends none of it on', () =>
    withServer(async (server) => {
      const [a, b, c] = [
        await Replica.open(server, 'a'),
        await Replica.open(server, 'b'),
        await Replica.open(server, 'c'),
      ];
      await Promise.all([a.append(idsOf('a', 0, 300)), b.append(idsOf('b', 0, 300))]);
      await until(has(c, 600), 'c has all');
      await until(has(a, 300), 'a has those of b');
      await pause(100);
      assert.deepEqual(await a.received(), idsOf('b', 0, 300));
      assert.deepEqual(await b.received(), idsOf('a', 0, 300));
      const ofC = await c.received();
      assert.deepEqual(
        ofC.filter((id) => id.startsWith('a')),
        idsOf('a', 0, 300),
      );
      assert.deepEqual(
        ofC.filter((id) => id.startsWith('b')),
        idsOf('b', 0, 300),
      );
      assert.equal(await server.ask('XLEN', '{test}:stream:rows'), 600);
      const beginMs = performance.now();
      await a.append(['a-late']);
      await until(has(b, 301), 'b has it');
      assert.ok(performance.now() - beginMs < 1_000);
    }));

  test('a Redis that is killed and started again in the midst of it costs no row, and no row comes twice', () =>
    withServer(async (server) => {
      const [a, b] = [await Replica.open(server, 'a'), await Replica.open(server, 'b')];
      const writing = (async () => {
        for (let n = 0; n < 2_000; n += 20) {
          await a.append(idsOf('a', n, n + 20));
          await pause(10);
        }
      })();
      for (let round = 0; round < 3; round++) {
        await pause(150);
        await server.kill();
        await pause(150);
        await server.start();
      }
      await writing;
      await until(has(b, 2_000), 'b has all', 20_000);
      assert.deepEqual((await b.received()).sort(), idsOf('a', 0, 2_000).sort());
    }));

  test('what a Redis has lost that keeps nothing is sent again', () =>
    withServer(async (server) => {
      const a = await Replica.open(server, 'a');
      await a.append(idsOf('a', 0, 200));
      await until(() => a.sender.numSent === 200, 'all is sent');
      await server.kill();
      server.forget();
      await server.start();
      await a.append(idsOf('a', 200, 250));
      const b = await Replica.open(server, 'b');
      await until(has(b, 250), 'b has all', 20_000);
      assert.deepEqual((await b.received()).sort(), idsOf('a', 0, 250).sort());
      assert.ok(a.problems.some((problem) => problem.includes('has lost its end')));
    }));

  test('a Redis that does not answer for a while stops nothing for good', () =>
    withServer(async (server) => {
      const [a, b] = [await Replica.open(server, 'a'), await Replica.open(server, 'b')];
      await a.append(idsOf('a', 0, 50));
      await until(has(b, 50), 'b has the first');
      server.signal('SIGSTOP');
      await a.append(idsOf('a', 50, 100));
      await until(() => !a.sender.isSending, 'the sender has noticed');
      await pause(1_000);
      server.signal('SIGCONT');
      await until(has(b, 100), 'b has all', 20_000);
      assert.deepEqual(await b.received(), idsOf('a', 0, 100));
    }));

  test('a receiver that fails between append and acknowledgement gets the same again, and keeps it once', () =>
    withServer(async (server) => {
      const [a, b] = [await Replica.open(server, 'a'), await Replica.open(server, 'b')];
      let numFailures = 3;
      b.hooks.afterAppend = async () => {
        if (numFailures-- > 0) throw new Error('killed here');
      };
      await a.append(idsOf('a', 0, 100));
      await until(() => numFailures < 0, 'it went on', 10_000);
      await until(has(b, 100), 'b has all');
      await pause(100);
      assert.deepEqual(await b.received(), idsOf('a', 0, 100));
      assert.deepEqual(await server.ask('XPENDING', '{test}:stream:rows', 'b'), [0, null, null, null]);
    }));

  test('after a start each goes on where it was, and a replica that comes later gets what the stream holds', () =>
    withServer(async (server) => {
      const folder = join(root, String(numFolders++));
      const first = await Replica.open(server, 'a', folder);
      await first.append(idsOf('a', 0, 30));
      await until(() => first.sender.numSent === 30, 'all is sent');
      await first.close();
      const again = await Replica.open(server, 'a', folder);
      await again.append(idsOf('a', 30, 40));
      const b = await Replica.open(server, 'b');
      await until(has(b, 40), 'b has all');
      await pause(200);
      assert.equal(again.sender.numSent, 10);
      assert.deepEqual(await b.received(), idsOf('a', 0, 40));
    }));

  test('a replica that was away for longer than the stream reaches back says so', () =>
    withServer(async (server) => {
      const [aFolder, bFolder] = [join(root, String(numFolders++)), join(root, String(numFolders++))];
      const a = await Replica.open(server, 'a', aFolder, 200);
      const b = await Replica.open(server, 'b', bFolder, 200);
      await a.append(idsOf('a', 0, 10));
      await until(has(b, 10), 'b has the first');
      await b.close();
      await a.append(idsOf('a', 10, 1_000));
      await until(() => a.sender.numSent === 1_000, 'all is sent');
      const back = await Replica.open(server, 'b', bFolder, 200);
      await until(async () => (await back.received()).includes('a-999'), 'it has the last');
      assert.equal(back.receiver.numGaps, 1);
      assert.equal(back.problems.filter((problem) => problem.includes('is missing here')).length, 1);
      await back.close();
      await server.ask('XGROUP', 'DESTROY', '{test}:stream:rows', 'b');
      const forgotten = await Replica.open(server, 'b', bFolder, 200);
      await until(
        async () => (await server.ask('XPENDING', '{test}:stream:rows', 'b').catch(() => null)) !== null,
        'its group is made again',
      );
      await pause(200);
      assert.equal(forgotten.receiver.numGaps, 0, 'it was removed, and nothing was dropped since');
      await forgotten.close();
      await server.ask('XGROUP', 'DESTROY', '{test}:stream:rows', 'b');
      await a.append(idsOf('a', 1_000, 2_000));
      await until(() => a.sender.numSent === 2_000, 'all is sent');
      const late = await Replica.open(server, 'b', bFolder, 200);
      await until(async () => (await late.received()).includes('a-1999'), 'it has the last');
      assert.equal(late.receiver.numGaps, 1, 'it was removed, and something was dropped since');
    }));
});
