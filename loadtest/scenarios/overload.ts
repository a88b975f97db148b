import { distribution } from '../distribution.ts';
import { type Figure, ratioOf } from '../figure.ts';
import type { Outcome } from '../outcome.ts';
import { createRandom } from '../random.ts';
import { retry } from '../retries.ts';
import type { Load, Rig, Size } from '../rig.ts';
import type { Scenario } from '../scenario.ts';

/** Times what the server can do. */
const factor = 3;
/** Those that are refused in the last seconds come again when they may: nobody else asks then. */
const [retriedMs, maxRetried] = [5_000, 100];
/** Longer than any time to come back that a client would keep. */
const maxReturnMs = 120_000;

export const overload: Scenario = {
  name: 'overload',
  answers:
    'At three times what the server can do: do those that it accepts keep their targets, and does it tell the rest the truth at once?',
  holds: [
    'accepted.ttft.p99Ratio <= 1.2x',
    'accepted.tpot.p99Ratio <= 1.2x',
    'throughput.ratio >= 0.8x',
    'refusal.p99 <= 10ms',
    'refusal.untimed <= 0',
    'broken <= 0',
    'retry.accepted.share >= 95%',
  ],
  async run(rig) {
    const size = rig.size({
      smoke: { clients: 4, promptTokens: 16, outputTokens: 16, numRequests: 200, seconds: 2 },
      full: { clients: 8, promptTokens: 128, outputTokens: 64, numRequests: 5_000, seconds: 20 },
    });
    const { promptTokens, outputTokens, seconds } = size;
    const lengths = { promptTokens, outputTokens, maxMs: seconds * 1000 };
    const capacity = await rig.load('capacity', {
      ...lengths,
      numRequests: size.numRequests,
      arrivals: { kind: 'closed', clients: size.clients },
      seed: rig.seed,
    });
    const perSecond = factor * rateOf(capacity, seconds * 1000);
    if (perSecond === 0) throw new Error(`Nothing was answered: ${capacity.summary.errors.join('; ')}`);
    const over = await rig.load('overload', {
      ...lengths,
      numRequests: Math.min(size.numRequests, Math.ceil(perSecond * seconds)),
      arrivals: { kind: 'poisson', perSecond },
      seed: rig.seed + 1_000,
    });
    const [retries, acceptedShare] = await comeBack(rig, size, over);
    return {
      loads: [capacity, over, ...retries],
      figures: figuresOf(rig, capacity, over, seconds * 1000, acceptedShare),
    };
  },
};

/** Requests per second that ended while all clients were busy: neither the first quarter, nor the end. */
function rateOf({ outcomes, summary }: Load, windowMs: number): number {
  const startMs = Math.min(...outcomes.map(({ intendedMs }) => intendedMs));
  const lastMs = Math.max(...outcomes.map(({ intendedMs }) => intendedMs));
  const [fromMs, toMs] = [startMs + (lastMs - startMs) / 4, Math.min(lastMs, startMs + windowMs)];
  const numEnded = outcomes.filter(({ ok, endMs }) => ok && endMs >= fromMs && endMs <= toMs).length;
  // So few that none ended then: the mean of all has to do.
  return numEnded > 0 ? (numEnded * 1000) / (toMs - fromMs) : summary.requestsPerSecond;
}

async function comeBack(rig: Rig, size: Size, { outcomes }: Load): Promise<[Load[], number | null]> {
  const refused = outcomes.filter(({ failure }) => failure === 'refused');
  const lastMs = Math.max(...outcomes.map(({ intendedMs }) => intendedMs));
  const latest = refused
    .filter(({ endMs, retryAfterMs }) => endMs > lastMs - retriedMs && (retryAfterMs ?? 0) <= maxReturnMs)
    .slice(-maxRetried);
  if (latest.length === 0) return [[], null];
  rig.take(latest.length);
  const { promptTokens, outputTokens } = size;
  const options = { promptTokens, outputTokens, random: createRandom(rig.seed + 2_000), signal: rig.signal };
  const { outcomes: retried, acceptedShare } = await retry(rig.target, rig.makePrompt, latest, options);
  rig.checkTime();
  return [
    [rig.loadOf('retries', `${latest.length} that were refused, each when it may`, retried)],
    acceptedShare,
  ];
}

function figuresOf(
  { targets }: Rig,
  capacity: Load,
  over: Load,
  windowMs: number,
  acceptedShare: number | null,
): Figure[] {
  const refused = over.outcomes.filter(({ failure }) => failure === 'refused');
  const refusal = distribution(refused.map(refusedWithin));
  const { ttft, tpot } = over.summary;
  const p99 = ({ count, p99Ms }: typeof ttft): number | null => (count === 0 ? null : p99Ms);
  const [can, does] = [rateOf(capacity, windowMs), rateOf(over, windowMs)];
  return [
    { path: 'capacity.rate', value: can, unit: 'perSecond' },
    { path: 'accepted.ttft.p99Ratio', value: ratioOf(p99(ttft), targets.ttftMs), unit: 'ratio' },
    { path: 'accepted.tpot.p99Ratio', value: ratioOf(p99(tpot), targets.tpotMs), unit: 'ratio' },
    { path: 'throughput.ratio', value: ratioOf(does, can), unit: 'ratio' },
    { path: 'refusal.p50', value: refusal.count === 0 ? null : refusal.p50Ms, unit: 'ms' },
    { path: 'refusal.p99', value: p99(refusal), unit: 'ms' },
    { path: 'refusal.untimed', value: refused.filter(isUntimed).length, unit: 'count' },
    { path: 'retry.accepted.share', value: acceptedShare, unit: 'share' },
  ];
}

const refusedWithin = ({ intendedMs, endMs }: Outcome): number => endMs - intendedMs;
const isUntimed = ({ status, retryAfterMs }: Outcome): boolean => status !== 429 || retryAfterMs === null;
