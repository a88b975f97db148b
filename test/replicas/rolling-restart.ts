/** One replica after the other is told to end and started again, under load: what clients notice. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Balancer } from './balancer.ts';
import { failuresOf, figuresOf, greatest, type Measured } from './figures.ts';
import type { Fleet } from './fleet.ts';
import { OpenLoad } from './open-load.ts';
import type { OrderlyEnd } from './replica.ts';

export interface MeasureOptions {
  readonly fleet: Fleet;
  readonly balancer: Balancer;
  /** Requests a second. */
  readonly perSecond: number;
  readonly seed: number;
  /** Of calm under load, before and after what is done. */
  readonly calmMs: number;
}

export const correctedShare = 0.1;

/** A replica is left alone for the calm time before the next one ends, as an orchestrator is told to. */
export async function rollingRestart(options: MeasureOptions): Promise<Measured> {
  const { fleet, balancer, perSecond, seed, calmMs } = options;
  const load = new OpenLoad({ balancer, perSecond, seed, correctedShare });
  const ends: OrderlyEnd[] = [];
  const startsMs: number[] = [];
  load.start();
  try {
    await sleep(calmMs);
    for (const replica of fleet.replicas) {
      ends.push(await replica.end());
      const beginMs = performance.now();
      await replica.start();
      startsMs.push(performance.now() - beginMs);
      await sleep(calmMs);
    }
  } finally {
    await load.stop();
  }
  const lost = await fleet.rowsLost(load.rows);
  return {
    name: 'rolling restart',
    figures: {
      ...figuresOf(load.noted),
      'rows.acknowledged': load.rows.length,
      'rows.lost': lost.length,
      'exit.max.ms': greatest(ends.map(({ tookMs }) => tookMs)),
      'exit.unclean': ends.filter(({ code }) => code !== 0).length,
      'start.max.ms': greatest(startsMs),
    },
    broken: [
      ...failuresOf(load.noted),
      ...lost.map((id) => `the acknowledged row ${id} is not in every log once`),
      ...ends.flatMap(({ code }, index) =>
        code === 0 ? [] : [`${fleet.replicas[index]!.name} ended with ${code}`],
      ),
    ],
  };
}
