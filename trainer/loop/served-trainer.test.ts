import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { noAliases, writeAliases } from '../../core/registry/aliases.ts';
import { ServedTrainer } from './served-trainer.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-served-'));
after(() => rmSync(root, { recursive: true }));
const aliases = join(root, 'aliases.json');

const serve = (base: string) => writeAliases(aliases, { ...noAliases, models: { m: { base, tenants: {} } } });

test('it learns on what is served, and never holds two models', async () => {
  const log: string[] = [];
  let refusal: Error | null = null;
  const trainer = new ServedTrainer({
    layout: { aliases },
    model: 'm',
    async open(version) {
      if (refusal !== null) throw refusal;
      log.push(`open ${version}`);
      return {
        version: version ?? 'imported',
        turn: async () => log.push(`turn ${version}`) > 0,
        close: async () => void log.push(`close ${version}`),
      };
    },
  });
  await trainer.turn();
  await serve('imported');
  await trainer.turn();
  await serve('b');
  await trainer.turn();
  await trainer.turn();
  refusal = new Error('no disk');
  await serve('c');
  await assert.rejects(trainer.turn(), /no disk/);
  refusal = null;
  await trainer.turn();
  assert.deepEqual(log, [
    ...['open null', 'turn null', 'turn null', 'close null'],
    ...['open b', 'turn b', 'turn b', 'close b'],
    ...['open c', 'turn c'],
  ]);
});
