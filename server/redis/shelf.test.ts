import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { noRedis, RedisServer } from '../../test/redis/redis-server.ts';
import { pause, until } from '../../test/until.ts';
import { FakeShelf } from '../cluster/fake-shelf.ts';
import type { Shelf } from '../cluster/shelf.ts';
import { RedisLink } from './redis-link.ts';
import { RedisShelf } from './redis-shelf.ts';

let server: RedisServer;
let link: RedisLink;

before(async () => {
  if (noRedis !== false) return;
  server = await RedisServer.start();
  link = new RedisLink({
    url: server.url,
    name: 'test',
    client: 'shelf',
    commandMs: 2_000,
    random: Math.random,
  });
  await until(() => link.state().isUp, 'the link is up');
});
after(async () => {
  await link?.close();
  await server?.close();
});

const subjects: readonly { name: string; skip: string | false; open: () => Shelf }[] = [
  {
    name: 'in one process',
    skip: false,
    open: () => new FakeShelf(100, () => performance.now()),
  },
  { name: 'in Redis', skip: noRedis, open: () => new RedisShelf(link, 'response') },
];

for (const { name, skip, open } of subjects) {
  describe(`a shelf ${name}`, { skip }, () => {
    test('gives what was put last under a name, and nothing where nothing was', async () => {
      const shelf = open();
      assert.equal(await shelf.get('a'), null);
      await shelf.put('a', 'one', 10_000);
      await shelf.put('a', 'zwei ü', 10_000);
      await shelf.put('b', 'other', 10_000);
      assert.equal(await shelf.get('a'), 'zwei ü');
    });

    test('keeps it as long as it is to be kept', async () => {
      const shelf = open();
      await shelf.put('brief', 'text', 80);
      assert.equal(await shelf.get('brief'), 'text');
      await pause(150);
      assert.equal(await shelf.get('brief'), null);
    });
  });
}

test('a shelf in one process is bounded', async () => {
  const shelf = new FakeShelf(2, () => 0);
  for (const name of ['a', 'b', 'c']) await shelf.put(name, name, 1_000);
  assert.deepEqual([await shelf.get('a'), await shelf.get('c')], [null, 'c']);
});
