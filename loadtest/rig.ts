/** What a scenario works with: targets, sizes, loads within bounds. Knows no scenario and no report. */

import { createTarget, type Target } from './client.ts';
import type { Link } from './link.ts';
import { type LoadOptions, type LoadSpec, runLoad } from './load.ts';
import type { Outcome } from './outcome.ts';
import type { MakePrompt } from './prompts.ts';
import { type Summary, summarize, type Targets } from './summary.ts';

export type Profile = 'smoke' | 'full';

/** How much of a load; a scenario has its own for each profile, and the command line may change each. */
export interface Size {
  readonly clients: number;
  /** Null: the scenario chooses it after what the server can do. */
  readonly perSecond: number | null;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly numRequests: number;
  readonly seconds: number;
}

/** A load that was run. */
export interface Load {
  /** Without dots: paths of figures begin with it. */
  readonly name: string;
  readonly description: string;
  readonly outcomes: readonly Outcome[];
  readonly summary: Summary;
}

/** What only some scenarios need. */
export interface Given {
  /** All base URLs, in the order given. */
  readonly urls: readonly string[];
  readonly model: string;
  readonly key: string | null;
  /** Of the tenant that floods. */
  readonly noisyKey: string | null;
  readonly admin: Link | null;
  readonly tenant: string;
  /** To swap between; null takes the newest ones that the server names. */
  readonly versions: readonly string[] | null;
  /** Ends the replica at the last URL; null where no way was given. */
  readonly killReplica: (() => Promise<void>) | null;
}

export interface Bounds {
  /** Of all scenarios together. */
  readonly maxRequests: number;
  readonly maxConnections: number;
  /** Raised when the time for everything is over, or by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface RigOptions {
  readonly given: Given;
  readonly bounds: Bounds;
  readonly profile: Profile;
  readonly overrides: Partial<Size>;
  readonly targets: Targets;
  readonly seed: number;
  readonly makePrompt: MakePrompt;
  readonly say: (text: string) => void;
}

export interface LoadRun extends LoadOptions {
  /** Default: the first URL with the first key. */
  readonly target?: Target;
}

export class Rig {
  readonly given: Given;
  readonly profile: Profile;
  readonly targets: Targets;
  readonly makePrompt: MakePrompt;
  readonly signal: AbortSignal;
  readonly seed: number;
  /** The first URL with the first key. */
  readonly target: Target;
  readonly say: (text: string) => void;
  private readonly bounds: Bounds;
  private readonly overrides: Partial<Size>;
  private numSent = 0;

  constructor(options: RigOptions) {
    const { given, bounds, profile, overrides, targets, seed, makePrompt, say } = options;
    [this.given, this.bounds, this.profile, this.overrides] = [given, bounds, profile, overrides];
    [this.targets, this.seed, this.makePrompt, this.say] = [targets, seed, makePrompt, say];
    this.signal = bounds.signal;
    this.target = this.targetOf({});
  }

  /** A URL under a key. */
  targetOf({
    url = this.given.urls[0]!,
    key = this.given.key,
  }: {
    url?: string;
    key?: string | null;
  }): Target {
    const { maxConnections } = this.bounds;
    return createTarget({ url, model: this.given.model, apiKey: key, maxConnections, timeoutMs: silenceMs });
  }

  size(sizes: Readonly<Record<Profile, Omit<Size, 'perSecond'> & Partial<Size>>>): Size {
    return { perSecond: null, ...sizes[this.profile], ...this.overrides };
  }

  /** Runs it, says how it went. Throws when the time or the requests for everything are used up. */
  async load(name: string, spec: LoadSpec, run: LoadRun = {}): Promise<Load> {
    this.take(spec.numRequests);
    const { target = this.target, ...options } = run;
    const signal =
      options.signal === undefined ? this.signal : AbortSignal.any([options.signal, this.signal]);
    const outcomes = await runLoad(target, spec, this.makePrompt, { ...options, signal });
    this.checkTime();
    return this.loadOf(name, descriptionOf(spec), outcomes);
  }

  /** A load that a scenario ran itself. */
  loadOf(name: string, description: string, outcomes: readonly Outcome[]): Load {
    const summary = summarize(outcomes, this.targets);
    this.say(
      `  ${name}: ${summary.numOk} answered, ${summary.numFailed} not, ${summary.seconds.toFixed(1)} s`,
    );
    return { name, description, outcomes, summary };
  }

  /** Counts requests before they are sent. Throws when there would be too many. */
  take(numRequests: number): void {
    this.numSent += numRequests;
    if (this.numSent <= this.bounds.maxRequests) return;
    throw new Error(`This would be more than ${this.bounds.maxRequests} requests; raise --max-requests.`);
  }

  checkTime(): void {
    if (this.signal.aborted)
      throw new Error('The time for all of it is over, or it was interrupted; see --max-minutes.');
  }
}

/** Longest silence of a server before a request is given up. */
const silenceMs = 60_000;

function descriptionOf({ arrivals, promptTokens, outputTokens }: LoadSpec): string {
  const lengths = `${promptTokens} tokens in, ${outputTokens} out`;
  if (arrivals.kind === 'closed') return `closed loop, ${arrivals.clients} clients, ${lengths}`;
  if (arrivals.kind === 'poisson')
    return `open loop, ${arrivals.perSecond.toFixed(2)} requests/s, ${lengths}`;
  return `bursts of ${arrivals.size} every ${arrivals.everyMs / 1000} s, ${lengths}`;
}
