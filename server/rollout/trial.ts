/**
 * The versions of one tenant while they serve: what is usual, the guard of one that took over, the experiment with a canary.
 * Follows the aliases, whoever moves them, and moves none itself.
 */
import { invariant } from '../../core/invariant.ts';
import type { TenantAliases } from '../../core/registry/aliases.ts';
import type { Conclusion } from './conclusion.ts';
import { armOfUnit, unitOf } from './experiment/assign.ts';
import { Experiment } from './experiment/experiment.ts';
import { newExperiment } from './experiment/experiment-state.ts';
import type { ExperimentOptions } from './experiment/options.ts';
import { decide, evidenceOf } from './experiment/verdict.ts';
import { Watch } from './experiment/watch.ts';
import { newWatch, type WatchOptions } from './experiment/watch-state.ts';
import type { TrialObservation } from './trial-observation.ts';
import { type Challenge, isFine, newParts, ofCanary, ofWatch, type TrialParts } from './trial-parts.ts';
import { stateOf, type TrialState } from './trial-state.ts';

/** What they are held to, where it is not the default. */
export interface TrialOptions {
  readonly experiment: Partial<ExperimentOptions>;
  readonly watch: Partial<WatchOptions>;
}

/**
 * Any adapter takes up to a third longer per token than the base alone: 1.14 times at one request, 1.31 times at four, measured
 * with SmolLM2-135M on two cores. That is no harm, and a 95th percentile of few answers needs room above it.
 */
const experimentDefaults: Partial<ExperimentOptions> = { maxLatencyFactor: 2 };
/** Between before and after, unlike between two arms, a trainer may have begun to work beside the engine: that about doubles it. */
const watchDefaults: Partial<WatchOptions> = { maxLatencyFactor: 3 };
/** Units of periods: any constant, since there is but one arm. */
const oneArm = 'usual';

export class Trial {
  private readonly options: TrialOptions;
  private readonly parts: TrialParts;
  /** As they were when they were last looked at. */
  private aliases: TenantAliases | null = null;
  /** What is being carried out. */
  private concluding: Conclusion | null = null;

  /** Takes `parts` over. */
  constructor(options: TrialOptions, parts: TrialParts = newParts()) {
    this.options = options;
    this.parts = parts;
  }

  get waiting(): string | null {
    return this.parts.waiting;
  }
  set waiting(adapter: string | null) {
    this.parts.waiting = adapter;
  }

  /** Whether there is anything to decide. */
  get isActive(): boolean {
    return this.parts.guard !== null || this.parts.challenge !== null;
  }

  /** To be called before anything else whenever aliases may have moved. Returns the trials that were ended by that. */
  follow(base: string, aliases: TenantAliases, nowMs: number): readonly Conclusion[] {
    const { standing } = this.parts;
    if (aliases === this.aliases && base === standing?.base) return [];
    this.aliases = aliases;
    this.parts.standing = { base, stable: aliases.stable };
    const stopped: (Conclusion | null)[] = [];
    if (standing !== null && standing.base !== base)
      stopped.push(this.stopChallenge(), this.stopGuard(standing.stable));
    else if (standing !== null && standing.stable !== aliases.stable)
      stopped.push(...this.stableMoved(standing.stable, aliases, nowMs));
    stopped.push(this.followCanary(aliases, nowMs));
    return stopped.filter(
      (conclusion) => conclusion !== null && !this.isConcluding(conclusion),
    ) as Conclusion[];
  }

  record(observation: TrialObservation, nowMs: number): void {
    const { standing, guard, challenge, usual } = this.parts;
    const { adapter, conversation, happened } = observation;
    if (challenge !== null) this.recordArm(challenge, observation);
    // Without a random split, corrections tell how much somebody teaches, not how good the version is.
    if (adapter !== standing?.stable || happened.kind === 'correction') return;
    const outcome = { unit: unitOf(conversation, oneArm), ...happened };
    if (guard === null) usual.record(outcome);
    else guard.watch.record(outcome, nowMs);
  }

  /** What has been decided and is not being carried out; null when nothing is. */
  due(nowMs: number): Conclusion | null {
    if (this.concluding !== null || !this.isActive) return null;
    return this.dueOfCanary(nowMs) ?? this.dueOfWatch(nowMs);
  }

  /** Nothing else is due until `concluded`. */
  begin(conclusion: Conclusion): void {
    this.concluding = conclusion;
  }

  /** Where the aliases have moved they were followed before; else it is due again. */
  concluded(): void {
    this.concluding = null;
  }

  /** The watched version did no harm: what was observed of it is usual from now on. */
  settle(): void {
    const { guard, usual } = this.parts;
    invariant(guard !== null, 'a watch is settled once');
    usual.absorb(guard.watch.since);
    this.parts.guard = null;
  }

  state(): TrialState {
    return stateOf(this.parts);
  }

  /** For people. */
  view() {
    const { usual, guard, challenge, waiting, standing } = this.parts;
    return {
      usual: { ...usual.tally },
      watch: guard && {
        version: standing?.stable ?? null,
        against: guard.against,
        startedMs: guard.watch.startedMs,
        evidence: guard.watch.evidence(),
      },
      canary: challenge && {
        version: challenge.experiment.id,
        against: challenge.against,
        startedMs: challenge.experiment.startedMs,
        evidence: evidenceOf(challenge.experiment),
      },
      waiting,
    };
  }

  private stableMoved(from: string | null, aliases: TenantAliases, nowMs: number): (Conclusion | null)[] {
    const { guard, usual } = this.parts;
    // A move back leaves the version out of those before; what was usual then is so again.
    const isOn = aliases.previous.includes(from);
    if (isOn && guard !== null && isFine(guard.watch.evidence())) usual.absorb(guard.watch.since);
    const stopped = [this.stopGuard(from), this.stopChallenge()];
    if (!isOn || aliases.stable === null) return stopped;
    const options = { ...watchDefaults, ...this.options.watch };
    const watch = new Watch(newWatch({ usual: this.parts.usual.state(), startedMs: nowMs, options }));
    this.parts.guard = { watch, against: from };
    return stopped;
  }

  private followCanary({ canary, stable }: TenantAliases, nowMs: number): Conclusion | null {
    const current = this.parts.challenge?.experiment ?? null;
    const isTrial = canary !== null && canary.adapter !== stable && canary.share > 0 && canary.share < 1;
    if (isTrial && current?.id === canary.adapter && canary.share >= current.share) {
      current.grow(canary.share);
      return null;
    }
    const stopped = this.stopChallenge();
    if (!isTrial) return stopped;
    const start = { id: canary.adapter, share: canary.share, startedMs: nowMs };
    const options = { ...experimentDefaults, ...this.options.experiment };
    const experiment = new Experiment(newExperiment({ ...start, options }));
    this.parts.challenge = { experiment, against: stable };
    return stopped;
  }

  private recordArm({ experiment, against }: Challenge, observation: TrialObservation): void {
    const { adapter, arm, conversation, atMs, happened } = observation;
    // What came before it, or before a growing share moved the conversation, was not chosen by this split.
    if (adapter !== (arm === 'canary' ? experiment.id : against) || atMs < experiment.startedMs) return;
    const unit = unitOf(conversation, experiment.id);
    if (armOfUnit(unit, experiment.share) === arm) experiment.record(arm, { unit, ...happened });
  }

  private dueOfCanary(nowMs: number): Conclusion | null {
    const { challenge } = this.parts;
    if (challenge === null) return null;
    const [kind, reason] = decide(challenge.experiment, nowMs);
    return kind === 'continue' ? null : { ...ofCanary(challenge), kind, reason };
  }

  private dueOfWatch(nowMs: number): Conclusion | null {
    const { guard, standing } = this.parts;
    if (guard === null) return null;
    const { kind, reason } = guard.watch.verdict(nowMs);
    return kind === 'continue' ? null : { ...ofWatch(guard, standing!.stable), kind, reason };
  }

  private stopChallenge(): Conclusion | null {
    const { challenge } = this.parts;
    this.parts.challenge = null;
    return challenge && { ...ofCanary(challenge), kind: 'stopped', reason: 'moved' };
  }

  private stopGuard(version: string | null): Conclusion | null {
    const { guard } = this.parts;
    this.parts.guard = null;
    return guard && { ...ofWatch(guard, version), kind: 'stopped', reason: 'moved' };
  }

  private isConcluding({ trial, version }: Conclusion): boolean {
    return this.concluding?.trial === trial && this.concluding.version === version;
  }
}
