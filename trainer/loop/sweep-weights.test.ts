import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { publishBaseVersion, removeBaseVersion } from '../../core/registry/base-versions.ts';
import { publishVersion } from '../../core/registry/publish.ts';
import { sweepUnfinishedWeights, sweepWeights } from './sweep-weights.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-weights-'));
after(() => rmSync(root, { recursive: true }));
const modelsDir = join(root, 'models');
const folder = join(root, 'bases');

async function publish(name: string, origin: 'imported' | 'consolidated'): Promise<string> {
  const write = async (into: string) => {
    writeFileSync(join(into, 'weights.bin'), `${name} ${origin}`);
    const source = { format: 'gguf', name } as const;
    return { source, kind: 'decoder', architecture: 'llama', quantization: 'int8' } as const;
  };
  const options = { modelsDir, name, now: () => new Date(), write };
  return (await (origin === 'imported' ? publishVersion(options) : publishBaseVersion(options)))!.version;
}

/** As base weights are laid out: the first sixteen digits of the version. */
const digits = (version: string): string => version.slice(7, 23);

test('weights stay as long as their version does, of whatever model, or is in use; what is being written stays', async () => {
  const kept = [
    await publish('m', 'imported'),
    await publish('m', 'consolidated'),
    await publish('other', 'imported'),
  ].map(digits);
  const gone = await publish('other', 'consolidated');
  await removeBaseVersion(modelsDir, 'other', gone);
  const used = `sha256:${'e'.repeat(64)}`;
  const writing = `${'f'.repeat(16)}.writing-99999`;
  for (const name of [...kept, digits(gone), digits(used), writing])
    mkdirSync(join(folder, name), { recursive: true });
  await sweepWeights(folder, modelsDir, [used]);
  assert.deepEqual(readdirSync(folder).sort(), [...kept, digits(used), writing].sort());
  await sweepUnfinishedWeights(folder);
  assert.deepEqual(readdirSync(folder).sort(), [...kept, digits(used)].sort());
});

test('where nothing was ever written there is nothing to sweep', async () => {
  await sweepUnfinishedWeights(join(root, 'nowhere'));
  await sweepWeights(join(root, 'nowhere'), join(root, 'no-models'), []);
});
