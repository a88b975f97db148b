/** `npm run chaos -- --seed 1 --seconds 30 [--runs 20] [--replicas 3] [--json file]`: 1 where a promise was broken. */
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { noRedis } from '../redis/redis-server.ts';
import { prepareModels } from './prepare.ts';
import { type Report, runChaos } from './run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '30' },
    runs: { type: 'string', default: '1' },
    replicas: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});

function wholeNumber(name: 'seed' | 'seconds' | 'runs' | 'replicas', least: number, most: number): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  process.stderr.write(`--${name} is a whole number from ${least} to ${most}, not ${values[name]}\n`);
  process.exit(2);
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const first = wholeNumber('seed', 0, 1e9);
const seconds = wholeNumber('seconds', 5, 3_600);
const runs = wholeNumber('runs', 1, 10_000);
const replicas = wholeNumber('replicas', 1, 8);
if (replicas > 1 && noRedis !== false) {
  process.stderr.write(`several replicas need Redis: ${noRedis}\n`);
  process.exit(2);
}
// Signals end the processes and file systems of a run, too: those close with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const prepared = await prepareModels();
const reports: Report[] = [];
try {
  for (let seed = first; seed < first + runs; seed++) {
    const report = await runChaos({ seed, seconds, replicas, prepared, log: print });
    reports.push(report);
    const { endings, learned, complaints, said } = report;
    print(`seed ${seed}: requests ${JSON.stringify(endings)}, rows ${JSON.stringify(learned)}`);
    for (const complaint of complaints) print(`  BROKEN: ${complaint}`);
    if (said !== '') print(said);
  }
} finally {
  rmSync(prepared.root, { recursive: true, force: true });
}
const broken = reports.filter(({ complaints }) => complaints.length > 0).map(({ seed }) => seed);
print(
  `${runs - broken.length} of ${runs} runs kept every promise${broken.length > 0 ? `; not ${broken}` : ''}`,
);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(reports, null, 1)}\n`);
process.exit(broken.length === 0 ? 0 : 1);
