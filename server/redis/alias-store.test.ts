/** One suite for where a server keeps its aliases: in its file, or shared with others and in its file as a copy. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type Aliases, noAliases, readAliases } from '../../core/registry/aliases.ts';
import { type Implementation, noRedis, redisFixture } from '../../test/redis/implementations.ts';
import { ReplicatedAliases } from '../cluster/replicated-aliases.ts';
import { type AliasStore, openAliasFile } from '../rollout/alias-store.ts';
import { RedisAliases } from './redis-aliases.ts';
import { RedisLeaderLock } from './redis-leader-lock.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-alias-store-'));
const opened: RedisAliases[] = [];
after(async () => {
  await Promise.all(opened.map((aliases) => aliases.close()));
  rmSync(root, { recursive: true });
});
const redis = redisFixture();
let numFiles = 0;

interface Place {
  readonly file: string;
  /** As a server has it that begins just now. */
  store(): Promise<AliasStore>;
}

const newFile = (): string => join(root, `${numFiles++}.json`);

const implementations: readonly Implementation<Place>[] = [
  {
    name: 'in a file',
    skip: false,
    async open() {
      const file = newFile();
      return { file, store: () => openAliasFile(file) };
    },
  },
  {
    name: "shared, as the learner's",
    skip: noRedis,
    async open() {
      const [file, link] = [newFile(), await redis.link()];
      const token = await new RedisLeaderLock(link, { holder: 'learner', ttlMs: 60_000 }).acquire();
      const onProblem = (message: string): void => assert.fail(message);
      return {
        file,
        store() {
          const shared = new RedisAliases(link);
          opened.push(shared);
          return ReplicatedAliases.open({ shared, file, fence: () => token, onProblem });
        },
      };
    },
  },
];

const documentOf = (revision: number, paused = false): Aliases => ({ ...noAliases, revision, paused });

for (const { name, skip, open } of implementations) {
  describe(`aliases ${name}`, { skip }, () => {
    test('point nowhere at first, and then where they were moved, on disk too, and after a start', async () => {
      const { file, store } = await open();
      const aliases = await store();
      assert.deepEqual(await aliases.read(), noAliases);
      assert.equal(await aliases.replace(noAliases, documentOf(1, true)), true);
      assert.deepEqual(await aliases.read(), documentOf(1, true));
      assert.deepEqual(await readAliases(file), documentOf(1, true));
      assert.deepEqual(await (await store()).read(), documentOf(1, true));
    });

    test('are not moved by who goes by an older state of them', async () => {
      const { file, store } = await open();
      const aliases = await store();
      assert.equal(await aliases.replace(noAliases, documentOf(1)), true);
      assert.equal(await aliases.replace(noAliases, documentOf(1, true)), false);
      assert.deepEqual(await aliases.read(), documentOf(1));
      assert.deepEqual(await readAliases(file), documentOf(1));
    });
  });
}
