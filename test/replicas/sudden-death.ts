/** One replica is killed under load, and started again at once: whose requests fail, how, and how soon they know. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Noted } from '../chaos/traffic.ts';
import { until } from '../until.ts';
import { figuresOf, greatest, isFailed, type Measured, textOf } from './figures.ts';
import { OpenLoad } from './open-load.ts';
import type { Replica } from './replica.ts';
import { correctedShare, type MeasureOptions } from './rolling-restart.ts';

const noticeMs = 1_000;
const answerMs = 5_000;
const leastHeld = 2;
/** Statuses that proxies give for a replica that is gone. */
const gatewayStatuses = [502, 503, 504];

export async function suddenDeath(options: MeasureOptions & { readonly victim: Replica }): Promise<Measured> {
  const { fleet, balancer, perSecond, seed, calmMs, victim } = options;
  const load = new OpenLoad({ balancer, perSecond, seed, correctedShare });
  load.start();
  let [killMs, numHeld, awayMs] = [0, 0, 0];
  try {
    await sleep(calmMs);
    // Where nothing is under way nothing can be lost.
    const holds = async (): Promise<boolean> => (numHeld = await heldBy(victim)) >= leastHeld;
    await until(holds, `${victim.name} has work`, calmMs).catch(() => null);
    killMs = performance.now();
    await victim.kill();
    await victim.start();
    awayMs = performance.now() - killMs;
    await sleep(calmMs);
  } finally {
    await load.stop();
  }
  const failed = load.noted.filter(isFailed);
  const noticesMs = failed.map(({ heard }) => heard.endMs - Math.max(heard.startMs, killMs));
  const lost = await fleet.rowsLost(load.rows);
  const broken = failed.flatMap((each) => complaintAbout(each, { killMs, awayMs, victim }));
  return {
    name: `kill -9 of ${victim.name}`,
    figures: {
      ...figuresOf(load.noted),
      'held.by.victim': numHeld,
      'failed.elsewhere': broken.length,
      'notice.max.ms': greatest(noticesMs),
      'away.ms': awayMs,
      'rows.acknowledged': load.rows.length,
      'rows.lost': lost.length,
    },
    broken: [...broken, ...lost.map((id) => `the acknowledged row ${id} is not in every log once`)],
  };
}

interface Death {
  readonly killMs: number;
  /** Until it served again. */
  readonly awayMs: number;
  readonly victim: Pick<Replica, 'name'>;
}

/** Only those of the victim may fail, cut off or with a proxy's own error, and they know it at once. */
export function complaintAbout(noted: Noted, { killMs, awayMs, victim }: Death): string[] {
  const { gateway, heard, ending } = noted;
  const isTheirs = gateway === victim.name || (gateway === '' && heard.startMs < killMs);
  const isThen = heard.endMs >= killMs && heard.startMs <= killMs + awayMs;
  const isClean = ending.kind === 'broken' || gatewayStatuses.includes(heard.status ?? 0);
  const isSoon = heard.endMs - Math.max(heard.startMs, killMs) <= noticeMs;
  return isTheirs && isThen && isClean && isSoon ? [] : [textOf(noted)];
}

/** Sequences in its slots and its queue. */
async function heldBy({ adminUrl }: Replica): Promise<number> {
  const answer = await fetch(`${adminUrl}/admin/models`, { signal: AbortSignal.timeout(answerMs) });
  const { data } = (await answer.json()) as {
    data: readonly { readonly stats?: { readonly numRunning: number; readonly numWaiting: number } }[];
  };
  return data.reduce((sum, { stats }) => sum + (stats?.numRunning ?? 0) + (stats?.numWaiting ?? 0), 0);
}
