import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Manifest } from './manifest.ts';
import { listVersions, openVersion } from './open-version.ts';
import { publishVersion } from './publish.ts';

let modelsDir = '';
beforeEach(() => {
  modelsDir = mkdtempSync(join(tmpdir(), 'millrace-registry-'));
});
afterEach(() => rmSync(modelsDir, { recursive: true }));

const lineage = {
  source: { format: 'gguf', name: 'x.gguf' },
  kind: 'decoder',
  architecture: 'llama',
  quantization: 'int8',
} as const;
const now = () => new Date('2026-01-02T03:04:05Z');

function publish(name: string, files: Readonly<Record<string, string>>): Promise<Manifest> {
  return publishVersion({
    modelsDir,
    name,
    now,
    write: async (folder) => {
      for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
      return lineage;
    },
  });
}

const files = { 'model.json': 'graph', 'weights.bin': 'weights' };
const at = (...path: string[]) => join(modelsDir, ...path);

test('what was published opens again, with the digests of its files', async () => {
  const manifest = await publish('m', files);
  const opened = await openVersion(modelsDir, 'm');
  assert.deepEqual(opened, { folder: at('m'), manifest });
  const sha256 = createHash('sha256').update('weights').digest('hex');
  assert.deepEqual(manifest.files[1], { path: 'weights.bin', bytes: 7, sha256 });
  assert.equal(manifest.createdAt, '2026-01-02T03:04:05.000Z');
  assert.deepEqual(readdirSync(modelsDir), ['m']);
});

test('equal content has an equal version whatever its name; other content has another', async () => {
  const first = await publish('a', files);
  assert.equal((await publish('b', files)).version, first.version);
  assert.notEqual((await publish('c', { ...files, 'weights.bin': 'others!' })).version, first.version);
  assert.deepEqual(await listVersions(modelsDir), ['a', 'b', 'c']);
});

test('an import that fails leaves what was there and nothing else', async () => {
  const { version } = await publish('m', files);
  const write = async (folder: string): Promise<never> => {
    writeFileSync(join(folder, 'half'), 'x');
    throw new Error('disk full');
  };
  await assert.rejects(publishVersion({ modelsDir, name: 'm', now, write }), /disk full/);
  assert.deepEqual(readdirSync(modelsDir), ['m']);
  assert.equal((await openVersion(modelsDir, 'm')).manifest.version, version);
});

test('publishing again under the same name replaces the version', async () => {
  await publish('m', files);
  const second = await publish('m', { 'model.json': 'new' });
  assert.equal((await openVersion(modelsDir, 'm')).manifest.version, second.version);
  assert.deepEqual(readdirSync(modelsDir), ['m']);
});

test('names that could leave the folder or hide in it are refused', async () => {
  for (const name of ['../m', 'a/b', '.m', '', 'a\0b', 'x'.repeat(65), 'checkpoints']) {
    await assert.rejects(publish(name, files), /cannot be a model name/, name);
    await assert.rejects(openVersion(modelsDir, name), /does not exist/, name);
  }
});

test('an unknown model is refused with what there is', async () => {
  await assert.rejects(openVersion(at('nowhere'), 'm'), /"m" does not exist\. Available: none yet/);
  await publish('a', files);
  await assert.rejects(openVersion(modelsDir, 'm'), /Available: a\./);
});

const editManifest = (edit: (manifest: Record<string, unknown>) => void): void => {
  const manifest: Record<string, unknown> = JSON.parse(readFileSync(at('m', 'manifest.json'), 'utf8'));
  edit(manifest);
  writeFileSync(at('m', 'manifest.json'), JSON.stringify(manifest));
};

const secret = (): string => {
  writeFileSync(at('secret'), 'weights');
  rmSync(at('m', 'weights.bin'));
  return at('secret');
};

const tamperings: Readonly<Record<string, readonly [() => void, RegExp]>> = {
  'a changed byte': [() => writeFileSync(at('m', 'weights.bin'), 'weightZ'), /SHA-256 of weights\.bin/],
  'a longer file': [() => appendFileSync(at('m', 'weights.bin'), '!'), /has 8 bytes, the manifest says 7/],
  'a truncated file': [() => writeFileSync(at('m', 'weights.bin'), 'w'), /has 1 bytes/],
  'a missing file': [() => rmSync(at('m', 'weights.bin')), /weights\.bin is missing/],
  'a symbolic link': [() => symlinkSync(secret(), at('m', 'weights.bin')), /not a regular file/],
  'a hard link': [() => linkSync(secret(), at('m', 'weights.bin')), /hard links/],
  'a file that is not listed': [
    () => writeFileSync(at('m', 'more.bin'), ''),
    /more\.bin is not in the manifest/,
  ],
  'a folder inside': [() => mkdirSync(at('m', 'sub')), /sub is not in the manifest/],
  'a manifest that is no JSON': [() => writeFileSync(at('m', 'manifest.json'), '{'), /not JSON/],
  'a manifest of another format': [() => editManifest((each) => (each.format = 9)), /format is 9/],
  'a list of files that was edited': [
    () => editManifest((each) => (each.files = (each.files as unknown[]).slice(1))),
    /not the digest of its files/,
  ],
  'a path that escapes': [
    () => editManifest((each) => ((each.files as { path: string }[])[0]!.path = '../../secret')),
    /list of files is malformed/,
  ],
  'a folder that is a link': [
    () => {
      renameSync(at('m'), at('.elsewhere'));
      symlinkSync(at('.elsewhere'), at('m'));
    },
    /not a directory/,
  ],
};

for (const [what, [tamper, expected]] of Object.entries(tamperings)) {
  test(`${what} is refused`, async () => {
    await publish('m', files);
    tamper();
    await assert.rejects(openVersion(modelsDir, 'm'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'version_invalid');
      assert.match(error.message, expected);
      return true;
    });
  });
}
