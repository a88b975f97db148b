/** Seeded traffic over two versions, for tests: conversations, failures, latencies, ratings, and what befalls both versions. */
import { createRng, nextGaussian, type Rng } from '../../../core/rng.ts';
import { type Arm, armOfUnit } from './assign.ts';
import type { Outcome } from './observation.ts';

/** How a version behaves. Chances and shares lie in [0, 1]. */
export interface Behaviour {
  readonly failureChance: number;
  readonly correctionChance: number;
  /** Medians of latencies that are log-normal. */
  readonly ttftMs: number;
  readonly tpotMs: number;
  /** Mean of the ratings, before they are put on their scale. */
  readonly quality: number;
}

/** What befalls requests whatever the version. */
export interface Weather {
  /** Latencies are multiplied by it. */
  readonly slowness: number;
  /** Requests at the same time. */
  readonly load: number;
  /** Chance of a failure on top of the version's own. */
  readonly failureChance: number;
}

export interface Traffic {
  readonly versions: Readonly<Record<Arm, Behaviour>>;
  readonly numRequests: number;
  /** Of the canary, at the request with this index. */
  readonly share: (index: number) => number;
  readonly weather: (index: number) => Weather;
  /** Chance that a request begins a conversation; else it goes on with one of the last ones. */
  readonly newUnitChance: number;
  /** Of the variance of ratings and logarithms of latencies, what is the conversation's and not the request's. */
  readonly unitShare: number;
  /** Standard deviation of the logarithms of latencies. */
  readonly latencySpread: number;
  /** Chance that an answer is rated. */
  readonly ratedChance: number;
  readonly qualitySpread: number;
  /** A value on the scale that ratings are given on. */
  readonly scale: (quality: number) => number;
  /** Correlation of a conversation's mood with what its user gave before; null where that is not known. */
  readonly pastWeight: number | null;
}

const usual: Behaviour = {
  failureChance: 0.01,
  correctionChance: 0.02,
  ttftMs: 200,
  tpotMs: 20,
  quality: 0.1,
};
const clamp = (quality: number): number => Math.max(-1, Math.min(1, quality));

/** Two versions that are alike, half and half, each request a conversation. */
export const calmTraffic: Traffic = {
  versions: { stable: usual, canary: usual },
  numRequests: 1000,
  share: () => 0.5,
  weather: () => ({ slowness: 1, load: 1, failureChance: 0 }),
  newUnitChance: 1,
  unitShare: 0,
  latencySpread: 0.4,
  ratedChance: 0.3,
  qualitySpread: 0.3,
  scale: clamp,
  pastWeight: null,
};

/** `base` with a canary that differs from stable in `changes`. */
export const withCanary = (base: Traffic, changes: Partial<Behaviour>): Traffic => ({
  ...base,
  versions: { stable: base.versions.stable, canary: { ...base.versions.stable, ...changes } },
});

interface Conversation {
  readonly unit: number;
  /** Standard normal numbers. */
  readonly pace: number;
  readonly mood: number;
  readonly earlier: number | null;
}

/** Conversations that may go on. */
const numOpen = 24;

/** Hands each outcome to `take` in order, with the index of its request, until that returns true. */
export function simulate(
  seed: number,
  traffic: Traffic,
  take: (arm: Arm, outcome: Outcome, index: number) => boolean,
): void {
  const rng = createRng(seed);
  const open: Conversation[] = [];
  for (let index = 0; index < traffic.numRequests; index++) {
    const conversation = nextConversation(rng, traffic, open);
    const arm = armOfUnit(conversation.unit, traffic.share(index));
    for (const outcome of outcomesOf(rng, traffic, conversation, arm, index))
      if (take(arm, outcome, index)) return;
  }
}

function nextConversation(rng: Rng, traffic: Traffic, open: Conversation[]): Conversation {
  const place = Math.floor(rng.next() * numOpen);
  if (open[place] === undefined || rng.next() < traffic.newUnitChance)
    open[place] = newConversation(rng, traffic);
  return open[place];
}

function newConversation(rng: Rng, { pastWeight, qualitySpread }: Traffic): Conversation {
  const unit = Math.floor(rng.next() * 2 ** 32) * 2 ** 21 + Math.floor(rng.next() * 2 ** 21);
  const [pace, mood] = [nextGaussian(rng), nextGaussian(rng)];
  if (pastWeight === null) return { unit, pace, mood, earlier: null };
  const past = pastWeight * mood + Math.sqrt(1 - pastWeight ** 2) * nextGaussian(rng);
  return { unit, pace, mood, earlier: clamp(qualitySpread * past) };
}

/** Of a request: an answer or a failure, and what its user says about it. */
function outcomesOf(
  rng: Rng,
  traffic: Traffic,
  conversation: Conversation,
  arm: Arm,
  index: number,
): Outcome[] {
  const { unit, earlier } = conversation;
  const version = traffic.versions[arm];
  const weather = traffic.weather(index);
  if (rng.next() < version.failureChance + weather.failureChance) return [{ kind: 'failure', unit }];
  const { unitShare, latencySpread, qualitySpread } = traffic;
  const mixed = (ofUnit: number): number =>
    Math.sqrt(unitShare) * ofUnit + Math.sqrt(1 - unitShare) * nextGaussian(rng);
  const latency = (medianMs: number): number =>
    weather.slowness * medianMs * Math.exp(latencySpread * mixed(conversation.pace));
  const [ttftMs, tpotMs] = [latency(version.ttftMs), latency(version.tpotMs)];
  const outcomes: Outcome[] = [{ kind: 'answer', unit, ttftMs, tpotMs, load: weather.load }];
  if (rng.next() < traffic.ratedChance) {
    const quality = version.quality + qualitySpread * mixed(conversation.mood);
    outcomes.push({ kind: 'rating', unit, value: traffic.scale(quality), earlier });
  }
  if (rng.next() < version.correctionChance) outcomes.push({ kind: 'correction', unit, earlier });
  return outcomes;
}
