/** Versions that the learner is told to promote, under load: when each of the others serves them, and what clients notice. */
import { setTimeout as sleep } from 'node:timers/promises';
import { modelName } from '../e2e/tiny-model.ts';
import { until } from '../until.ts';
import { failuresOf, figuresOf, greatest, type Measured, quantile } from './figures.ts';
import type { Fleet } from './fleet.ts';
import { OpenLoad } from './open-load.ts';
import type { Replica } from './replica.ts';
import type { MeasureOptions } from './rolling-restart.ts';

const answerMs = 5_000;
const moveMs = 60_000;

interface Swap {
  /** From the request to promote: to its answer, and to the first answer of each replica in that version. */
  readonly movedMs: number;
  readonly servedMs: readonly number[];
}

/** The request to promote is the announcement: the version lies in the learner's folder, and no other replica knows of it. */
export async function swaps(options: MeasureOptions & { readonly numSwaps: number }): Promise<Measured> {
  const { fleet, balancer, perSecond, seed, calmMs, numSwaps } = options;
  const ids: string[] = [];
  for (let n = 0; n < numSwaps; n++) ids.push(await fleet.publish(seed * 1_000 + n));
  // What is learned meanwhile would move the alias, too.
  const load = new OpenLoad({ balancer, perSecond, seed, correctedShare: 0 });
  const done: Swap[] = [];
  load.start();
  try {
    for (const id of ids) {
      await sleep(calmMs);
      done.push(await swap(fleet, id));
    }
    await sleep(calmMs);
  } finally {
    await load.stop();
  }
  const [moved, last] = [
    done.map(({ movedMs }) => movedMs),
    done.map(({ servedMs }) => Math.max(...servedMs)),
  ];
  const first = done.map(({ servedMs }) => Math.min(...servedMs));
  const answered = new Set(
    load.noted.flatMap(({ ending }) => (ending.kind === 'answer' ? [ending.version] : [])),
  );
  return {
    name: 'swaps',
    figures: {
      ...figuresOf(load.noted),
      swaps: done.length,
      'versions.answered': answered.size,
      'moved.p50.ms': quantile(moved, 0.5),
      'first.replica.p50.ms': quantile(first, 0.5),
      'last.replica.p50.ms': quantile(last, 0.5),
      'last.replica.max.ms': greatest(last),
    },
    broken: failuresOf(load.noted),
  };
}

async function swap(fleet: Fleet, id: string): Promise<Swap> {
  const beginMs = performance.now();
  const moving = promote(fleet.learner, id).then(() => performance.now() - beginMs);
  // Handled below, when the replicas have been looked at.
  moving.catch(() => {});
  const serving = fleet.replicas.map(async (replica) => {
    await until(
      async () => (await versionOf(replica)).endsWith(`+${id}`),
      `${replica.name} serves ${id}`,
      moveMs,
    );
    return performance.now() - beginMs;
  });
  const [movedMs, ...servedMs] = await Promise.all([moving, ...serving]);
  return { movedMs, servedMs };
}

async function promote({ adminUrl }: Replica, id: string): Promise<void> {
  const answer = await post(`${adminUrl}/admin/versions/${id}/promote`, { tenant: 'anonymous' }, moveMs);
  if (!answer.ok) throw new Error(`the promotion of ${id}: ${answer.status} ${await answer.text()}`);
  await answer.body?.cancel();
}

async function versionOf({ url }: Replica): Promise<string> {
  const body = { model: modelName, prompt: 'x', max_tokens: 1 };
  const answer = await post(`${url}/v1/completions`, body, answerMs);
  return ((await answer.json()) as { system_fingerprint?: string }).system_fingerprint ?? '';
}

const post = (url: string, body: object, withinMs: number): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(withinMs),
  });
