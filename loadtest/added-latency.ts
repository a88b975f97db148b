/** What a gateway adds to the latency of a bare server, both under the same load, in turn. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { median } from './median.ts';
import { runSteadyLoad, type SteadyFigures } from './steady-load.ts';

export interface AddedLatencyOptions {
  /** API of a server whose model answers at once. */
  readonly url: URL;
  readonly model: string;
  readonly perSecond: number;
  readonly rounds: number;
  /** Of each of the two in each round. */
  readonly seconds: number;
}

type Name = 'bare' | 'gateway';
type Percentile = 'p50Ms' | 'p95Ms' | 'p99Ms';

export interface AddedLatency {
  readonly rounds: readonly Readonly<Record<Name, SteadyFigures>>[];
  /** Medians over the rounds. */
  readonly medians: Readonly<Record<Name, Readonly<Record<Percentile, number>>>>;
  /** Medians over the rounds of what a round's gateway took longer than its bare server. */
  readonly added: Readonly<Record<Percentile, number>>;
}

const percentiles = ['p50Ms', 'p95Ms', 'p99Ms'] as const;
const warmUpSeconds = 3;
const startMs = 10_000;

export async function measureAddedLatency(options: AddedLatencyOptions): Promise<AddedLatency> {
  const bare = await startBareServer();
  try {
    const { url, model, perSecond, seconds, rounds } = options;
    const body = JSON.stringify({ model, prompt: 'hello', max_tokens: 1, stream: true });
    const completions = new URL(`${url.pathname.replace(/\/$/, '')}/completions`, url);
    const targets = { bare: bare.url, gateway: completions };
    const run = (name: Name, length: number): Promise<SteadyFigures> =>
      runSteadyLoad({ url: targets[name], body, perSecond, seconds: length });
    for (const name of ['bare', 'gateway'] as const) await run(name, warmUpSeconds);
    const measured: Record<Name, SteadyFigures>[] = [];
    for (let round = 0; round < rounds; round++)
      measured.push({ bare: await run('bare', seconds), gateway: await run('gateway', seconds) });
    return summaryOf(measured);
  } finally {
    bare.process.kill();
  }
}

async function startBareServer(): Promise<{ readonly url: URL; readonly process: ChildProcess }> {
  const child = fork(new URL('./bare-server.js', import.meta.url));
  const [port] = await once(child, 'message', { signal: AbortSignal.timeout(startMs) });
  return { url: new URL(`http://127.0.0.1:${port}/`), process: child };
}

function summaryOf(rounds: AddedLatency['rounds']): AddedLatency {
  const each = (value: (round: (typeof rounds)[number], percentile: Percentile) => number) =>
    Object.fromEntries(
      percentiles.map((percentile) => [percentile, median(rounds.map((round) => value(round, percentile)))!]),
    ) as Record<Percentile, number>;
  return {
    rounds,
    medians: {
      bare: each(({ bare }, percentile) => bare.latency[percentile]),
      gateway: each(({ gateway }, percentile) => gateway.latency[percentile]),
    },
    added: each(({ bare, gateway }, percentile) => gateway.latency[percentile] - bare.latency[percentile]),
  };
}
