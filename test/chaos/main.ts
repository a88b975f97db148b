/** `npm run chaos -- --seed 1 --seconds 30 [--runs 20] [--replicas 3] [--json file]`: 1 where a promise was broken. */
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { noRedis } from '../redis/redis-server.ts';
import { isKept, type Outcome, tableOf } from './outcome.ts';
import { prepareModels } from './prepare.ts';
import { runChaos } from './run.ts';

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
const secondsOfFaults = wholeNumber('seconds', 5, 3_600);
const runs = wholeNumber('runs', 1, 10_000);
const replicas = wholeNumber('replicas', 1, 8);
if (replicas > 1 && noRedis !== false) {
  process.stderr.write(`several replicas need Redis: ${noRedis}\n`);
  process.exit(2);
}
// Signals end the processes and file systems of a run, too: those close with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const prepared = await prepareModels();
const outcomes: Outcome[] = [];
try {
  for (let seed = first; seed < first + runs; seed++) {
    outcomes.push(await outcomeOf(seed));
    // What is known when the rest is interrupted.
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(outcomes, null, 1)}\n`);
  }
} finally {
  rmSync(prepared.root, { recursive: true, force: true });
}
print(`\n${tableOf(outcomes)}`);
process.exit(outcomes.every(isKept) ? 0 : 1);

/** Never rejects: what one seed does to the harness is no reason to leave out the others. */
async function outcomeOf(seed: number): Promise<Outcome> {
  const beginMs = performance.now();
  const seconds = (): number => (performance.now() - beginMs) / 1_000;
  try {
    const report = await runChaos({ seed, seconds: secondsOfFaults, replicas, prepared, log: print });
    const { endings, learned, complaints, said } = report;
    print(`seed ${seed}: requests ${JSON.stringify(endings)}, rows ${JSON.stringify(learned)}`);
    for (const complaint of complaints) print(`  BROKEN: ${complaint}`);
    if (said !== '') print(said);
    return { ...report, seconds: seconds() };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    print(`  BROKEN: the run did not come to its end: ${text}`);
    return { seed, seconds: seconds(), error: text };
  }
}
