/**
 * One run: a cluster under traffic, a schedule of faults, then peace, and the question whether everything that was promised
 * was kept. Ends within its deadlines, whatever it finds.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRng } from '../../core/rng.ts';
import { within } from '../../core/within.ts';
import { TinyModel } from '../e2e/tiny-model.ts';
import { RedisServer } from '../redis/redis-server.ts';
import { checkLearning, checkNamed, type Learned, learnedIn } from './check-learning.ts';
import { leftovers } from './check-leftovers.ts';
import { complaintsAboutRequests } from './check-requests.ts';
import { Cluster, inability } from './cluster.ts';
import { exchange, type Heard } from './exchange.ts';
import { inflict, redisName } from './faults.ts';
import type { Gateway } from './gateway.ts';
import { type Planned, scheduleOf, textOf } from './schedule.ts';
import { Teaching } from './teaching.ts';
import { operator, type Tenant } from './tenants.ts';
import { type Noted, Traffic } from './traffic.ts';

export interface RunOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Gateways; more than one share a Redis. */
  readonly replicas: number;
  readonly prepared: Prepared;
  readonly log: (line: string) => void;
}

/** Models that every run gets a copy of. */
export interface Prepared {
  readonly root: string;
  /** Digest of the model. */
  readonly base: string;
  readonly encoder: string;
}

export interface Report {
  readonly seed: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Requests by ending. */
  readonly endings: Readonly<Record<string, number>>;
  readonly learned: Learned;
  readonly complaints: readonly string[];
  /** What the servers said, where there is a complaint. */
  readonly said: string;
}

/** Time for what waits to be learned or dropped, with a trainer that comes back only after a pause. */
const settleMs = 45_000;
/** Of one replica beside the faults: starts, and all waits that `settleMs` bounds. What takes longer hangs. */
const maxCalmMs = 10 * settleMs;
const pollMs = 100;
const askMs = 5_000;

export async function runChaos({ seed, seconds, replicas, prepared, log }: RunOptions): Promise<Report> {
  const root = mkdtempSync(join(tmpdir(), `millrace-chaos-${seed}-`));
  const model = new TinyModel(root);
  cpSync(join(prepared.root, 'models'), model.modelsDir, { recursive: true });
  cpSync(join(prepared.root, 'checkpoint'), join(root, 'checkpoint'), { recursive: true });
  const unable = inability();
  const redis = replicas === 1 ? null : await RedisServer.start();
  // Several servers are enough to do for a small machine.
  const encoder = replicas === 1 ? prepared.encoder : '';
  const cluster = new Cluster({ root, model, encoder, replicas, redis }, unable);
  // Whoever ends this process leaves nothing mounted and nothing running.
  const close = (): void => {
    cluster.close();
    redis?.signal('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  };
  process.once('exit', close);
  const others = redis === null ? [] : [redisName];
  try {
    return await within(1_000 * seconds + replicas * maxCalmMs, undefined, async () => {
      await cluster.start(prepared.base);
      const gateways = cluster.gateways.map(({ name }) => name);
      const schedule = scheduleOf({ seed, seconds, gateways, others, unable });
      log(`seed ${seed}, ${seconds} s, ${schedule.length} faults:`);
      for (const planned of schedule) log(`  ${textOf(planned)}`);
      for (const [kind, reason] of unable) log(`  without ${kind}: ${reason}`);
      const found = await suffer(cluster, encoder, { seed, seconds, schedule, log });
      return { seed, faults: countBy(schedule, ({ fault }) => fault.kind), ...found };
    });
  } finally {
    close();
    process.off('exit', close);
    await redis?.close();
    rmSync(root, { recursive: true, force: true });
  }
}

interface Sufferings extends Pick<RunOptions, 'seed' | 'seconds' | 'log'> {
  readonly schedule: readonly Planned[];
}

async function suffer(
  cluster: Cluster,
  encoder: string,
  { seed, seconds, schedule, log }: Sufferings,
): Promise<Omit<Report, 'seed' | 'faults'>> {
  const { gateways } = cluster;
  const clients = { stream: 3, whole: 2, leaver: 1, vector: encoder === '' ? 0 : 1 };
  const noted: Noted[] = [];
  const note = (each: Noted): void => void noted.push(each);
  const traffic = new Traffic({ seed, gateways, encoder, clients, note });
  const teaching = new Teaching({ seed, gateways, clients: 2, pauseMs: [300, 1_200], note });
  traffic.start();
  teaching.start();
  const endMs = performance.now() + seconds * 1_000;
  try {
    await unleash(cluster, schedule, log);
    await sleep(Math.max(0, endMs - performance.now()));
  } finally {
    cluster.heal();
    await Promise.all([traffic.stop(), teaching.stop()]);
  }
  const complaints: string[] = [];
  complaints.push(...(await recovers(cluster, teaching, seed)));
  const byName = new Map(gateways.map((gateway) => [gateway.name, gateway]));
  complaints.push(...complaintsAboutRequests(noted, (name) => byName.get(name)!.outages));
  const versions = new Set(
    noted.flatMap(({ ending }) => (ending.kind === 'answer' ? [ending.version ?? ''] : [])),
  );
  let learned: Learned = { rows: 0, trained: 0, dropped: 0, waiting: 0, versions: 0 };
  const { lessons } = teaching;
  const learner = cluster.learner.learningDir;
  for (const gateway of gateways) complaints.push(...(await endsWell(gateway)));
  complaints.push(...(await checkNamed(learner, versions)));
  for (const { name, learningDir } of gateways) {
    const found = await checkLearning(learningDir, { lessons, learner });
    complaints.push(...found.complaints.map((complaint) => `${name}: ${complaint}`));
    if (learningDir === learner) learned = found.learned;
  }
  for (const gateway of gateways) complaints.push(...(await comesBack(gateway, cluster)));
  complaints.push(...gateways.flatMap((gateway) => gateway.complaints), ...cluster.orphans.found);
  return {
    endings: countBy(noted, endingName),
    learned,
    complaints,
    said: complaints.length === 0 ? '' : gateways.map((gateway) => gateway.said).join('\n'),
  };
}

/** Each at its time; resolves when all are over. */
async function unleash(
  cluster: Cluster,
  schedule: readonly Planned[],
  log: Sufferings['log'],
): Promise<void> {
  const startMs = performance.now();
  await Promise.all(
    schedule.map(async (planned) => {
      await sleep(Math.max(0, planned.atMs - (performance.now() - startMs)));
      const outcome = await inflict(cluster, planned.fault).catch((error: unknown) => `failed: ${error}`);
      log(`  ${textOf(planned)}: ${outcome}`);
    }),
  );
}

/** Ready, nothing left running, and still learning: what has been said gets its fate, and so does what is said now. */
async function recovers(cluster: Cluster, teaching: Teaching, seed: number): Promise<string[]> {
  const complaints: string[] = [];
  for (const gateway of cluster.gateways) {
    if (!(await until(() => isReady(gateway)))) complaints.push(`${gateway.name} is not ready again`);
    if (!(await until(() => isIdle(gateway))))
      complaints.push(`${gateway.name} counts requests that have ended`);
  }
  const last = await teaching.teach(createRng(seed + 1_000_003));
  if (last === null || last.ids.size === 0)
    complaints.push(`a correction is not taken any more: ${last?.refusal ?? 'there was no answer'}`);
  const open = new Map(
    teaching.lessons.flatMap(({ ids, tenant }) => [...ids].map((id) => [id, tenant] as const)),
  );
  for (const gateway of cluster.gateways) {
    const unknown = new Map(open);
    await until(async () => {
      for (const [id, tenant] of unknown) if (await hasFate(gateway, id, tenant)) unknown.delete(id);
      return unknown.size === 0;
    });
    for (const id of unknown.keys())
      complaints.push(`row ${id} has no fate at ${gateway.name} after ${settleMs} ms of peace`);
  }
  if (!(await until(() => isLearning(cluster.learner)))) complaints.push('nothing is learned any more');
  if (!(await until(() => isOfOneMind(cluster)))) complaints.push('aliases differ between servers');
  return complaints;
}

async function until(condition: () => Promise<boolean>): Promise<boolean> {
  const deadlineMs = performance.now() + settleMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) return false;
    await sleep(pollMs);
  }
  return true;
}

const get = (url: string, path: string, { headers } = operator) =>
  exchange(url, { method: 'GET', path, headers, deadlineMs: askMs }, new Agent({ keepAlive: false }));

const isReady = async ({ url }: Gateway): Promise<boolean> =>
  (await get(url, '/health/ready')).status === 200;

/** A row that waits has been taken in: it is told so, with the state "queued". */
async function hasFate({ url }: Gateway, id: string, tenant: Tenant): Promise<boolean> {
  const { status, text } = await get(url, `/v1/feedback/${id}`, tenant);
  return status === 200 && (JSON.parse(text) as { state: string }).state !== 'stored';
}

/** The log of fates is told more, or there is nothing left to decide. */
async function isLearning({ learningDir }: Gateway): Promise<boolean> {
  const before = await learnedIn(learningDir);
  await sleep(pollMs);
  const after = await learnedIn(learningDir);
  return after.waiting === 0 || after.trained + after.dropped > before.trained + before.dropped;
}

/** All serve the same. */
async function isOfOneMind({ gateways }: Cluster): Promise<boolean> {
  const heard = await Promise.all(gateways.map(({ adminUrl }) => get(adminUrl, '/admin/learning')));
  const tenantsOf = ({ status, text }: Heard): string | null =>
    status === 200 ? JSON.stringify((JSON.parse(text) as { tenants: object }).tenants) : null;
  return new Set(heard.map(tenantsOf)).size === 1;
}

async function isIdle({ adminUrl }: Gateway): Promise<boolean> {
  const { status, text } = await get(adminUrl, '/admin/models');
  if (status !== 200) return false;
  const { data } = JSON.parse(text) as {
    data: readonly { stats?: { numRunning: number; numWaiting: number } }[];
  };
  return data.every(({ stats }) => (stats?.numRunning ?? 0) + (stats?.numWaiting ?? 0) === 0);
}

async function endsWell(gateway: Gateway): Promise<string[]> {
  const code = await gateway.end();
  return code === 0 ? [] : [`${gateway.name} ended with ${code} on SIGTERM`];
}

/** Started once more, with nothing left over; then it ends, and everything with it. */
async function comesBack(gateway: Gateway, { orphans }: Cluster): Promise<string[]> {
  const complaints: string[] = [];
  await gateway.start();
  const hasTrainer = async (): Promise<boolean> => {
    const { status, text } = await get(gateway.adminUrl, '/admin/learning');
    if (status !== 200) return false;
    return ['ready', 'elsewhere'].includes(
      (JSON.parse(text) as { trainer: { state: string } }).trainer.state,
    );
  };
  if (!(await until(hasTrainer))) complaints.push(`the trainer of ${gateway.name} did not come back`);
  complaints.push(...leftovers(gateway.learningDir));
  complaints.push(...(await endsWell(gateway)));
  await until(async () => orphans.left === 0);
  return complaints;
}

const endingName = ({ ending }: Noted): string =>
  ending.kind === 'refused' ? `refused ${ending.code}` : ending.kind;

function countBy<T>(items: readonly T[], nameOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[nameOf(item)] = (counts[nameOf(item)] ?? 0) + 1;
  return counts;
}
