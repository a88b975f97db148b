import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { noRedis, RedisServer } from '../../test/redis/redis-server.ts';
import { pause, until } from '../../test/until.ts';
import { FakeLogStream } from '../cluster/fake-log-stream.ts';
import type { LogStream, StreamRead } from '../cluster/log-stream.ts';
import { RedisLink } from './redis-link.ts';
import { RedisLogStream } from './redis-log-stream.ts';

/** Redis drops whole nodes of a hundred entries: what is told of the bound has to hold for either. */
const bound = 200;

interface Subject {
  readonly name: string;
  readonly skip: string | false;
  open(): Promise<LogStream>;
}

let server: RedisServer;
let link: RedisLink;
let numStreams = 0;

before(async () => {
  if (noRedis !== false) return;
  server = await RedisServer.start();
  link = new RedisLink({
    url: server.url,
    name: 'test',
    client: 'streams',
    commandMs: 2_000,
    random: Math.random,
  });
  await until(() => link.state().isUp, 'the link is up');
});
after(async () => {
  await link?.close();
  await server?.close();
});

const subjects: readonly Subject[] = [
  {
    name: 'in one process',
    skip: false,
    open: async () => new FakeLogStream(bound, () => performance.now()),
  },
  {
    name: 'in Redis',
    skip: noRedis,
    open: async () => new RedisLogStream({ link, name: `s${numStreams++}`, maxEntries: bound }),
  },
];

const textsOf = ({ entries }: StreamRead): (string | null)[] => entries.map(({ text }) => text);
const idsOf = ({ entries }: StreamRead): string[] => entries.map(({ id }) => id);
const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `{"n":${from + index}}`);

/** As a writer does that has appended nothing before. */
async function append(stream: LogStream, texts: readonly string[]): Promise<string> {
  const id = await stream.append(texts, null);
  assert.ok(id !== null);
  return id;
}

async function appendAll(stream: LogStream, texts: readonly string[]): Promise<void> {
  for (let from = 0; from < texts.length; from += 50) await append(stream, texts.slice(from, from + 50));
}

for (const { name, skip, open } of subjects) {
  describe(`a stream ${name}`, { skip }, () => {
    test('gives each group all that it holds, in order, once', async () => {
      const stream = await open();
      await append(stream, ['a', 'b', 'ü\n"']);
      for (const group of ['one', 'two']) {
        const first = await stream.read(group, 'new', 2);
        assert.deepEqual(textsOf(first), ['a', 'b']);
        assert.deepEqual(textsOf(await stream.read(group, 'new', 2)), ['ü\n"']);
        assert.deepEqual(textsOf(await stream.read(group, 'new', 2)), []);
      }
      await append(stream, ['d']);
      assert.deepEqual(textsOf(await stream.read('one', 'new', 9)), ['d']);
    });

    test('gives again what was not acknowledged, until it is', async () => {
      const stream = await open();
      await append(stream, ['a', 'b', 'c']);
      const [a, b, c] = idsOf(await stream.read('one', 'new', 9));
      await stream.acknowledge('one', [b!]);
      assert.deepEqual(textsOf(await stream.read('one', 'pending', 9)), ['a', 'c']);
      assert.deepEqual(textsOf(await stream.read('one', 'pending', 1)), ['a']);
      await stream.acknowledge('one', [a!, c!]);
      assert.deepEqual(textsOf(await stream.read('one', 'pending', 9)), []);
      assert.deepEqual(textsOf(await stream.read('two', 'pending', 9)), []);
    });

    test('is empty for a group that comes before the first entry, and begins with that', async () => {
      const stream = await open();
      assert.deepEqual(await stream.read('early', 'new', 9), { entries: [], isBehind: false, isNew: true });
      assert.equal((await stream.read('early', 'pending', 9)).isNew, false);
      await append(stream, ['a']);
      assert.deepEqual(textsOf(await stream.read('early', 'new', 9)), ['a']);
    });

    test('is bounded, and says so to the group that has missed something and to no other', async () => {
      const stream = await open();
      await appendAll(stream, numbered(0, 10));
      await stream.read('slow', 'new', 5);
      await stream.read('quick', 'new', 10);
      // The bound takes effect in whole nodes: far beyond it, something is gone.
      for (let n = 10; n < 10 + 3 * bound; n += 50) {
        await append(stream, numbered(n, n + 50));
        assert.equal((await stream.read('quick', 'new', 64)).isBehind, false);
      }
      const slow = await stream.read('slow', 'new', 1_000);
      assert.equal(slow.isBehind, true);
      assert.ok(slow.entries.length >= bound && slow.entries.length < 2 * bound, `${slow.entries.length}`);
      assert.equal(slow.entries.at(-1)!.text, `{"n":${9 + 3 * bound}}`);
      assert.equal((await stream.read('slow', 'new', 1_000)).isBehind, false);
      // What it had been given before and not acknowledged is gone, too.
      const pending = await stream.read('slow', 'pending', 5);
      assert.deepEqual(textsOf(pending), [null, null, null, null, null]);
      await stream.acknowledge('slow', idsOf(pending));
      const fresh = await stream.read('new one', 'new', 1_000);
      assert.equal(fresh.isBehind, false, 'whoever comes new has missed nothing');
      assert.deepEqual(textsOf(fresh), textsOf(slow));
    });

    test('tells what is held from what was dropped for the bound', async () => {
      const stream = await open();
      assert.equal(await stream.isCut(), false);
      const first = await append(stream, ['a']);
      assert.equal(await stream.stateOf(first), 'held');
      assert.equal(await stream.isCut(), false);
      await appendAll(stream, numbered(0, 3 * bound));
      assert.equal(await stream.stateOf(first), 'dropped');
      assert.equal(await stream.isCut(), true);
      assert.equal(await stream.stateOf(await append(stream, ['z'])), 'held');
    });

    test('takes what comes after an entry that is held or was dropped', async () => {
      const stream = await open();
      const first = await append(stream, ['a']);
      assert.ok((await stream.append(['b'], first)) !== null);
      await appendAll(stream, numbered(0, 3 * bound));
      assert.ok((await stream.append(['c'], first)) !== null);
    });

    test('forgets a group that it is told to, and says whether that had been given anything', async () => {
      const stream = await open();
      assert.equal(await stream.forget('one'), false, 'there is not even a stream');
      await append(stream, ['a', 'b']);
      assert.equal(await stream.forget('one'), false);
      await stream.read('one', 'pending', 9);
      assert.equal(await stream.forget('one'), false, 'it was made, and given nothing');
      await stream.read('one', 'new', 9);
      await stream.read('other', 'new', 9);
      assert.equal(await stream.forget('one'), true);
      assert.deepEqual(textsOf(await stream.read('one', 'new', 9)), ['a', 'b'], 'it begins anew');
      assert.deepEqual(textsOf(await stream.read('other', 'new', 9)), []);
    });

    test('forgets groups that do not read, and those only', async () => {
      const stream = await open();
      assert.deepEqual(await stream.dropGroups(0), [], 'there is not even a stream');
      await append(stream, ['a', 'b']);
      await stream.read('gone', 'new', 9);
      await pause(150);
      await stream.read('here', 'new', 1);
      assert.deepEqual(await stream.dropGroups(100), ['gone']);
      assert.deepEqual(textsOf(await stream.read('here', 'new', 9)), ['b']);
      assert.deepEqual(textsOf(await stream.read('gone', 'new', 9)), ['a', 'b'], 'it begins anew');
    });
  });
}

describe('a stream whose Redis has lost it', { skip: noRedis }, () => {
  test('says of an entry that it is lost, also when others were written since', async () => {
    const stream = new RedisLogStream({ link, name: 'lossy', maxEntries: bound });
    const before = await append(stream, ['a', 'b']);
    await server.ask('DEL', link.key('stream', 'lossy'));
    assert.equal(await stream.stateOf(before), 'lost');
    assert.equal(await stream.append(['x'], before), null, 'its writer has to go back first');
    await pause(5);
    await append(stream, ['c']);
    assert.equal(await stream.stateOf(before), 'lost');
    assert.deepEqual(textsOf(await stream.read('one', 'new', 9)), ['c'], 'its groups are made again');
  });
});
