import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fixturePath } from '../../test/root.ts';
import { listBaseVersions, publishBaseVersion, removeBaseVersion, sweepUnfinished } from './base-versions.ts';
import type { Lineage, Manifest } from './manifest.ts';
import { listVersions, openVersion } from './open-version.ts';
import { publishVersion } from './publish.ts';
import { openSource } from './source-checkpoint.ts';

let modelsDir = '';
beforeEach(() => {
  modelsDir = mkdtempSync(join(tmpdir(), 'millrace-bases-'));
});
afterEach(() => rmSync(modelsDir, { recursive: true }));

const lineage: Lineage = {
  source: { format: 'hugging-face', name: 'x', path: fixturePath('decoders/llama3') },
  kind: 'decoder',
  architecture: 'llama',
  quantization: 'int8',
};

const writing =
  (content: string, more: Partial<Lineage> = {}) =>
  async (folder: string): Promise<Lineage> => {
    writeFileSync(join(folder, 'weights.bin'), content);
    return { ...lineage, ...more };
  };

/** Made in the given month. */
async function publishBase(name: string, content: string, month: number, more: Partial<Lineage> = {}) {
  const now = () => new Date(Date.UTC(2026, month));
  const manifest = await publishBaseVersion({ modelsDir, name, now, write: writing(content, more) });
  return manifest!;
}

const importAs = (name: string, content: string): Promise<Manifest> =>
  publishVersion({ modelsDir, name, now: () => new Date(0), write: writing(content) });

const versionsOf = async (name: string): Promise<string[]> =>
  (await listBaseVersions(modelsDir, name)).map(({ version }) => version);

test('base versions lie beside each other: listed as one model, opened by name and id', async () => {
  const imported = await importAs('m', 'a');
  const later = await publishBase('m', 'b', 1);
  assert.deepEqual(await listVersions(modelsDir), ['m']);
  assert.deepEqual((await openVersion(modelsDir, 'm')).manifest, imported);
  assert.deepEqual((await openVersion(modelsDir, 'm', imported.version)).folder, join(modelsDir, 'm'));
  assert.deepEqual(await openVersion(modelsDir, 'm', later.version), {
    folder: join(modelsDir, `m@${later.version.slice(7, 19)}`),
    manifest: later,
  });
});

test('an id that is not there, or is none, is refused, and so is another model than the one asked for', async () => {
  const { version } = await publishBase('m', 'b', 1);
  const missing = { code: 'version_not_found' };
  await assert.rejects(openVersion(modelsDir, 'm', `sha256:${'0'.repeat(64)}`), missing);
  await assert.rejects(openVersion(modelsDir, 'n', version), missing);
  for (const id of ['', version.slice(0, 19), `${version}/..`, 'sha256:../../x'])
    await assert.rejects(openVersion(modelsDir, 'm', id), missing, id);
  await assert.rejects(openVersion(modelsDir, `m@${version.slice(7, 19)}`), { code: 'model_not_found' });
});

test('a version that lies under the id of another is refused', async () => {
  const [one, other] = [await publishBase('m', 'b', 1), await publishBase('m', 'c', 2)];
  const folder = (version: string): string => join(modelsDir, `m@${version.slice(7, 19)}`);
  const manifest = readFileSync(join(folder(other.version), 'manifest.json'));
  writeFileSync(join(folder(one.version), 'manifest.json'), manifest);
  await assert.rejects(openVersion(modelsDir, 'm', one.version), /its version is sha256:/);
});

test('they are listed by model, the newest first; a damaged one is left out and made again', async () => {
  const versions = [];
  for (const [content, month] of [
    ['b', 5],
    ['c', 2],
    ['d', 7],
  ] as const)
    versions.push((await publishBase('m', content, month)).version);
  await publishBase('m2', 'e', 1);
  const [b, c, d] = versions as [string, string, string];
  assert.deepEqual(await versionsOf('m'), [d, b, c]);
  writeFileSync(join(modelsDir, `m@${b.slice(7, 19)}`, 'manifest.json'), '{');
  assert.deepEqual(await versionsOf('m'), [d, c]);
  await publishBase('m', 'b', 8);
  assert.deepEqual(await versionsOf('m'), [b, d, c]);
  await openVersion(modelsDir, 'm', b);
});

test('equal content is one version, which stays as it was', async () => {
  const first = await publishBase('m', 'b', 1);
  assert.deepEqual(await publishBase('m', 'b', 9), first);
  assert.equal(readdirSync(modelsDir).length, 1);
});

test('what is not to be published, or fails while it is written, leaves nothing', async () => {
  const now = () => new Date(0);
  const nothing = async (folder: string): Promise<null> => {
    writeFileSync(join(folder, 'weights.bin'), 'x');
    return null;
  };
  assert.equal(await publishBaseVersion({ modelsDir, name: 'm', now, write: nothing }), null);
  const failing = async (): Promise<never> => {
    throw new Error('disk full');
  };
  await assert.rejects(publishBaseVersion({ modelsDir, name: 'm', now, write: failing }), /disk full/);
  assert.deepEqual(readdirSync(modelsDir), []);
});

test('a version that is removed is gone, and a sweep takes what was left unfinished and nothing else', async () => {
  const [one, other] = [await publishBase('m', 'b', 1), await publishBase('m', 'c', 2)];
  await importAs('m', 'a');
  await removeBaseVersion(modelsDir, 'm', one.version);
  assert.deepEqual(await versionsOf('m'), [other.version]);
  // The parent of this process lives, and is at work.
  const busy = `.consolidating-m-${process.ppid}`;
  for (const name of ['.consolidating-m-999999999', '.importing-m-18', busy])
    mkdirSync(join(modelsDir, name));
  await sweepUnfinished(modelsDir);
  assert.deepEqual(readdirSync(modelsDir).sort(), [
    busy,
    '.importing-m-18',
    'm',
    `m@${other.version.slice(7, 19)}`,
  ]);
});

test('a version whose merged adapters are not in its folder has no source', async () => {
  for (const adapter of ['0123456789ab', '../secret']) {
    const merged = [{ adapter, tenant: 'acme' }];
    const source = { ...lineage.source, merged };
    const { version } = await publishBase('m', adapter, 1, { source });
    const opened = await openVersion(modelsDir, 'm', version);
    await assert.rejects(openSource(opened), {
      code: 'version_invalid',
      message: /which was merged into it/,
    });
  }
});
