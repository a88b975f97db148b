/** A load: lengths, arrivals, bounds; and running it against a target. */
import { burstTimes, closedLoop, openLoop, poissonTimes } from './arrivals.ts';
import { complete, type Target } from './client.ts';
import type { Outcome } from './outcome.ts';
import { calibratePrompts, type MakePrompt } from './prompts.ts';
import { createRandom } from './random.ts';
import { pause } from './wait.ts';

export type Arrivals =
  | { readonly kind: 'closed'; readonly clients: number }
  | { readonly kind: 'poisson'; readonly perSecond: number }
  | { readonly kind: 'bursts'; readonly size: number; readonly everyMs: number };

export interface LoadSpec {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly numRequests: number;
  readonly arrivals: Arrivals;
  /** No new request after this. */
  readonly maxMs: number;
  readonly seed: number;
}

export interface LoadOptions {
  /** Sends no more, and leaves those that run, once it is raised. */
  readonly signal?: AbortSignal;
  /** See Ask. */
  readonly restMs?: number;
}

/** Of a client that was refused without a time to come back. */
const defaultRestMs = 1_000;

/** Asks the server how long a prompt is. Throws when it does not answer, or takes none. */
export async function calibrate(target: Target): Promise<MakePrompt> {
  let refusal: string | null = null;
  const countTokens = async (prompt: string): Promise<number | null> => {
    const outcome = await complete(target, { prompt, maxTokens: 1 });
    if (outcome.ok) return outcome.promptTokens;
    // Too long for its context, perhaps: a shorter one is tried.
    if (outcome.status !== 400)
      throw new Error(`The server at ${target.url.href} does not answer: ${outcome.error}`);
    refusal = outcome.error;
    return null;
  };
  return calibratePrompts(countTokens, createRandom(99)).catch((error: Error): never => {
    throw refusal === null ? error : new Error(`${error.message} It says: ${refusal}`);
  });
}

/** Outcomes in the order of their ends. */
export async function runLoad(
  target: Target,
  spec: LoadSpec,
  makePrompt: MakePrompt,
  options: LoadOptions = {},
): Promise<Outcome[]> {
  const { numRequests, maxMs, arrivals, promptTokens, outputTokens, seed } = spec;
  const random = createRandom(seed);
  const outcomes: Outcome[] = [];
  const send = async (_index: number, intendedMs: number): Promise<Outcome> => {
    const prompt = makePrompt(promptTokens, random);
    const outcome = await complete(target, { ...options, prompt, maxTokens: outputTokens, intendedMs });
    outcomes.push(outcome);
    return outcome;
  };
  const load = { numRequests, maxMs, signal: options.signal, send };
  const endMs = performance.now() + maxMs;
  // Clients in a closed loop do as they are told, and come back no sooner.
  const sendAndRest = async (index: number, intendedMs: number): Promise<void> => {
    const outcome = await send(index, intendedMs);
    if (outcome.failure !== 'refused') return;
    const restMs = Math.min(outcome.retryAfterMs ?? defaultRestMs, endMs - performance.now());
    if (restMs > 0) await pause(restMs);
  };
  if (arrivals.kind === 'closed') await closedLoop({ ...load, send: sendAndRest }, arrivals.clients);
  else await openLoop(load, timesOf(numRequests, arrivals, createRandom(seed + 1)));
  return outcomes;
}

function timesOf(
  numRequests: number,
  arrivals: Exclude<Arrivals, { kind: 'closed' }>,
  random: () => number,
): number[] {
  if (arrivals.kind === 'poisson')
    return poissonTimes(numRequests, { perSecond: arrivals.perSecond, random });
  return burstTimes(Math.ceil(numRequests / arrivals.size), arrivals);
}
