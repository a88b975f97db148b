/**
 * `npm run soak -- --minutes 30 [--out folder]`: one server for a long time under streams, clients that leave, corrections
 * and versions that are promoted and taken back. Says what grows; ends with 1 where something does, or a request failed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { exchange } from '../chaos/exchange.ts';
import { prepareModels } from '../chaos/prepare.ts';
import { Teaching } from '../chaos/teaching.ts';
import { authKeys, operator, tenants } from '../chaos/tenants.ts';
import { type Noted, Traffic } from '../chaos/traffic.ts';
import { serve } from '../e2e/program.ts';
import { modelName, TinyModel } from '../e2e/tiny-model.ts';
import { report } from './report.ts';
import { type Sample, sampleOf } from './sample.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, out: { type: 'string', default: 'soak' } },
});
const minutes = Number(values.minutes);
if (!(minutes >= 0.2 && minutes <= 1_440)) {
  process.stderr.write(`--minutes is a number from 0.2 to 1440, not ${values.minutes}\n`);
  process.exit(2);
}

const sampleEveryMs = Math.min(10_000, (minutes * 60_000) / 60);
const swapEveryMs = 5_000;
const startMs = 30_000;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const prepared = await prepareModels();
const model = new TinyModel(prepared.root);
const learningDir = mkdtempSync(join(tmpdir(), 'millrace-soak-'));
const { adapters } = learningLayout(learningDir);
/** Of each of these tenants two, so that there is always one to move to. */
const versions: { readonly id: string; readonly tenant: string }[] = [];
for (const [index, { name: tenant }] of tenants.slice(0, 3).entries())
  for (const seed of [1, 2]) {
    const id = await model.publishAdapter(adapters, prepared.base, 10 * index + seed, tenant);
    versions.push({ id, tenant });
  }
const { child, url, adminUrl, exit } = await serve(
  [
    ...['--models-dir', model.modelsDir, '--model', modelName, '--models-embeddings', prepared.encoder],
    ...['--port', '0', '--admin-port', '0', '--learning-dir', learningDir, '--engine-max-context', '128'],
    ...['--engine-threads', '1', '--learning-threads', '1', '--log-level', 'warn'],
    ...[
      '--learning-alpha',
      '64',
      '--learning-frozen-percent',
      '0',
      '--engine-prefix-cache-bytes',
      '8MiB',
      `--auth-keys=${authKeys}`,
    ],
  ],
  { startMs },
);
// Ended early, it reports what it has seen.
let untilMs = performance.now() + minutes * 60_000;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (untilMs === 0) process.exit(1);
    untilMs = 0;
  });
process.once('exit', () => child.kill('SIGKILL'));

const endings: Record<string, number> = {};
const note = ({ ending }: Noted): void => {
  const name = ending.kind === 'refused' ? `refused ${ending.code}` : ending.kind;
  endings[name] = (endings[name] ?? 0) + 1;
};
const gateways = [{ name: 'server', url }];
const clients = { stream: 4, whole: 2, leaver: 2, vector: 1 };
const traffic = new Traffic({ seed: 1, gateways, encoder: prepared.encoder, clients, note });
const teaching = new Teaching({ seed: 1, gateways, clients: 1, pauseMs: [2_000, 4_000], note });
const swaps: Record<string, number> = {};
let isOver = false;

/** Promotes each version in turn, and takes every third move back. */
async function operate(): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  for (let count = 0; !isOver; count++) {
    const verb = count % 3 === 2 ? 'rollback' : 'promote';
    const { id, tenant } = versions[count % versions.length]!;
    const path = verb === 'rollback' ? '/admin/rollback' : `/admin/versions/${id}/promote`;
    const body = { model: modelName, tenant };
    const ask = { method: 'POST', path, body, headers: operator.headers, deadlineMs: 10_000 } as const;
    const { status } = await exchange(adminUrl, ask, agent);
    const name = `${verb} ${status}`;
    swaps[name] = (swaps[name] ?? 0) + 1;
    await sleep(swapEveryMs);
  }
  agent.destroy();
}

const samples: { seconds: number; sample: Sample }[] = [];
const beganMs = performance.now();
traffic.start();
teaching.start();
const operating = operate();
while (performance.now() < untilMs) {
  const seconds = (performance.now() - beganMs) / 1_000;
  samples.push({ seconds, sample: await sampleOf(child.pid!, adminUrl) });
  await sleep(sampleEveryMs);
}
const took = (performance.now() - beganMs) / 60_000;
isOver = true;
await Promise.all([traffic.stop(), teaching.stop(), operating]);
child.kill('SIGTERM');
const code = await exit;
rmSync(prepared.root, { recursive: true, force: true });
rmSync(learningDir, { recursive: true, force: true });
const isGood = report({
  folder: values.out,
  minutes: Number(took.toFixed(1)),
  samples,
  endings,
  swaps,
  code,
  print,
});
process.exit(isGood ? 0 : 1);
