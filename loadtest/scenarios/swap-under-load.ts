import { distribution } from '../distribution.ts';
import { ratioOf } from '../figure.ts';
import type { Link } from '../link.ts';
import { gapsOf, type Outcome } from '../outcome.ts';
import type { Given, Rig } from '../rig.ts';
import type { Scenario } from '../scenario.ts';
import { ask } from '../server-state.ts';
import { pause } from '../wait.ts';

const [everyMs, numRounds] = [250, 2];

export const swapUnderLoad: Scenario = {
  name: 'swap-under-load',
  answers: 'Do streams fail, mix versions or stall while versions are promoted and rolled back?',
  holds: [
    'still.failed <= 0',
    'swapping.failed <= 0',
    'mixed <= 0',
    'swaps > 0',
    'versions >= 2',
    'interToken.p99Ratio <= 2x',
  ],
  missing: ({ admin }) => (admin === null ? '--admin-url, the listener that promotes and rolls back' : null),
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 2, promptTokens: 16, outputTokens: 16, numRequests: 200, seconds: 4 },
      full: { clients: 4, promptTokens: 64, outputTokens: 64, numRequests: 4_000, seconds: 60 },
    });
    const swaps = await Swaps.open(rig.given, rig.given.admin!);
    const { clients, seconds, promptTokens, outputTokens } = size;
    const roundMs = (seconds * 1000) / (2 * numRounds);
    const outcomes = { still: [] as Outcome[], swapping: [] as Outcome[] };
    const run = async (name: 'still' | 'swapping', seed: number): Promise<void> => {
      const arrivals = { kind: 'closed', clients } as const;
      const numRequests = Math.max(clients, Math.floor(size.numRequests / (2 * numRounds)));
      const spec = { promptTokens, outputTokens, numRequests, arrivals, maxMs: roundMs, seed };
      outcomes[name].push(...(await rig.load(name, spec)).outcomes);
    };
    for (let round = 0; round < numRounds; round++) {
      await run('still', rig.seed + round);
      const ended = new AbortController();
      const swapping = swaps.go(AbortSignal.any([ended.signal, rig.signal]));
      await run('swapping', rig.seed + 1_000 + round).finally(() => ended.abort());
      await swapping;
    }
    return resultOf(rig, outcomes, swaps.tookMs);
  },
};

function resultOf(rig: Rig, outcomes: Readonly<Record<'still' | 'swapping', Outcome[]>>, tookMs: number[]) {
  const p99 = (all: readonly Outcome[]): number => distribution(all.flatMap(gapsOf)).p99Ms;
  const { still, swapping } = outcomes;
  const took = distribution(tookMs);
  return {
    loads: [
      rig.loadOf('still', 'nothing moves', still),
      rig.loadOf('swapping', `a move every ${everyMs} ms`, swapping),
    ],
    figures: [
      { path: 'swaps', value: took.count, unit: 'count' },
      {
        path: 'versions',
        value: new Set(swapping.flatMap(({ fingerprints }) => fingerprints)).size,
        unit: 'count',
      },
      { path: 'swap.p99', value: took.count === 0 ? null : took.p99Ms, unit: 'ms' },
      {
        path: 'mixed',
        value: swapping.filter(({ fingerprints }) => fingerprints.length > 1).length,
        unit: 'count',
      },
      { path: 'interToken.p99Ratio', value: ratioOf(p99(swapping), p99(still)), unit: 'ratio' },
    ] as const,
  };
}

/** Moves the alias to one of two versions and back, by turns: a promotion, then a rollback. */
class Swaps {
  readonly tookMs: number[] = [];
  private readonly admin: Link;
  private readonly body: { readonly model: string; readonly tenant: string };
  private readonly version: string;

  /** Throws where there are no two versions to move between. */
  static async open({ model, tenant, versions }: Given, admin: Link): Promise<Swaps> {
    const [first, second] = versions ?? ['base', await newestVersion(admin, { model, tenant })];
    const body = { model, tenant };
    await ask(admin, { method: 'POST', path: `/admin/versions/${first}/promote`, body });
    return new Swaps(admin, body, second!);
  }

  private constructor(admin: Link, body: Swaps['body'], version: string) {
    [this.admin, this.body, this.version] = [admin, body, version];
  }

  /** Until the signal; ends with a rollback. */
  async go(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const path of [`/admin/versions/${this.version}/promote`, '/admin/rollback']) {
        const startMs = performance.now();
        await ask(this.admin, { method: 'POST', path, body: this.body });
        this.tookMs.push(performance.now() - startMs);
        await pause(everyMs);
      }
    }
  }
}

async function newestVersion(
  admin: Link,
  of: { readonly model: string; readonly tenant: string },
): Promise<string> {
  const query = new URLSearchParams(of);
  const { data } = await ask<{
    data: readonly { readonly id: string; readonly created_at: string | number }[];
  }>(admin, { method: 'GET', path: `/admin/versions?${query}` });
  const newest = data.toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1))[0];
  if (newest !== undefined) return newest.id;
  throw new Error(
    `${of.model} has learned no version for ${of.tenant}: teach it one, or name two with --versions.`,
  );
}
