/** `npm run replicas -- [--balancer nginx] [--per-second 20] [--rounds 3] [--swaps 10] [--seed 1] [--json file]`: 1 where something was broken. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { noRedis } from '../redis/redis-server.ts';
import { type BalancerName, balancerNames, noBalancer, startBalancer } from './balancer.ts';
import { type Measured, tableOf } from './figures.ts';
import { Fleet } from './fleet.ts';
import { type MeasureOptions, rollingRestart } from './rolling-restart.ts';
import { suddenDeath } from './sudden-death.ts';
import { swaps } from './swaps.ts';

const { values } = parseArgs({
  options: {
    balancer: { type: 'string', default: 'haproxy' },
    'per-second': { type: 'string', default: '20' },
    rounds: { type: 'string', default: '1' },
    swaps: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});

function refuse(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}

function wholeNumber(name: 'per-second' | 'rounds' | 'swaps' | 'seed', least: number, most: number): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  return refuse(`--${name} is a whole number from ${least} to ${most}, not ${values[name]}`);
}

const calmMs = 3_000;
const name = values.balancer as BalancerName;
if (!balancerNames.includes(name)) refuse(`--balancer is one of ${balancerNames.join(', ')}, not ${name}`);
const missing = noBalancer(name);
if (missing !== null) refuse(missing);
if (noRedis !== false) refuse(noRedis);
const perSecond = wholeNumber('per-second', 1, 1_000);
const rounds = wholeNumber('rounds', 1, 100);
const numSwaps = wholeNumber('swaps', 1, 1_000);
const firstSeed = wholeNumber('seed', 0, 1e9);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const all: Measured[] = [];
const fleet = await Fleet.start();
// Whoever ends this process leaves nothing running.
process.once('exit', () => fleet.abandon());
try {
  const balancer = await startBalancer(name, fleet.replicas);
  try {
    for (let round = 0; round < rounds; round++) {
      const options: MeasureOptions = { fleet, balancer, perSecond, seed: firstSeed + round, calmMs };
      add(await rollingRestart(options));
      for (const victim of fleet.replicas) add(await suddenDeath({ ...options, victim }));
      add(await swaps({ ...options, numSwaps }));
    }
  } finally {
    await balancer.close();
  }
} finally {
  await fleet.close();
}
const isKept = all.every(({ broken }) => broken.length === 0);
process.exit(isKept ? 0 : 1);

function add(measured: Measured): void {
  all.push(measured);
  process.stdout.write(`${tableOf([measured])}\n`);
  const result = { balancer: name, perSecond, seed: firstSeed, measured: all };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
}
