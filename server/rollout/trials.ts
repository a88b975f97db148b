/** The trials of all tenants: fed with what is observed, asked on a timer too, and gone on with after a restart. */
import type { FeedbackRecord } from '../../core/feedback/record.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import type { Decision } from './conclusion.ts';
import { Decisions } from './decisions.ts';
import { EarlierQuality } from './earlier-quality.ts';
import type { Judgement } from './experiment/observation.ts';
import type { Rollout } from './rollout.ts';
import { TenantTrial, type TenantTrialParts } from './tenant-trial.ts';
import { Trial, type TrialOptions } from './trial.ts';
import { judgementOf, type TrialObservation } from './trial-observation.ts';
import { newParts } from './trial-parts.ts';
import { restoreParts } from './trial-state.ts';
import { TrialStore } from './trial-store.ts';
import type { Placement } from './waiting-version.ts';

export interface TrialsOptions
  extends Partial<TrialOptions>,
    Pick<TenantTrialParts, 'canaryShare' | 'now' | 'onDecision' | 'onProblem'> {
  readonly layout: Pick<LearningLayout, 'trials' | 'decisions'>;
  readonly rollout: TenantTrialParts['rollout'] & Pick<Rollout, 'tenantsOf'>;
  /** Names of the models that are rolled out. */
  readonly models: readonly string[];
}

export interface TrialsView {
  /** Null for a tenant of which nothing was observed. */
  readonly trial: ReturnType<Trial['view']> | null;
  /** The newest first. */
  readonly decisions: readonly Decision[];
}

const tickMs = 250;
/** Tenants are those of API keys. Of more than these nothing is observed. */
const maxTenants = 1_000;
/** Rows of feedback that are sent again count once. */
const maxSeenRows = 4_096;

export class Trials {
  private readonly options: TrialsOptions;
  private readonly store: TrialStore;
  private readonly decisions: Decisions;
  private readonly tenants = new Map<string, TenantTrial>();
  private readonly earlier = new EarlierQuality();
  private readonly seenRows = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  private constructor(options: TrialsOptions, decisions: Decisions) {
    this.options = options;
    this.decisions = decisions;
    this.store = new TrialStore(options.layout.trials, options.onProblem);
  }

  /** Throws when its folders cannot be used. */
  static async open(options: TrialsOptions): Promise<Trials> {
    const trials = new Trials(options, await Decisions.open(options.layout.decisions));
    for (const model of options.models) {
      const states = await trials.store.load(model);
      for (const tenant of new Set([...states.keys(), ...options.rollout.tenantsOf(model)]))
        trials.enter(model, tenant, states.get(tenant));
    }
    trials.timer = setInterval(() => trials.tick(), tickMs);
    trials.timer.unref();
    return trials;
  }

  /** Cheap, and never throws: it stands in the way of answers. */
  observe(observation: TrialObservation): void {
    const { model, tenant } = observation;
    this.guarded(model, tenant, (of) => of.observe(observation));
  }

  /** Never throws either. */
  observeFeedback(record: FeedbackRecord): void {
    const { id, tenant, conversation } = record;
    if (!conversation || this.seenRows.has(id)) return;
    this.seenRows.add(id);
    if (this.seenRows.size > maxSeenRows) this.seenRows.delete(this.seenRows.keys().next().value!);
    const observation = judgementOf(record, this.earlier.of(tenant, conversation));
    if (observation === null) return;
    this.observe(observation);
    this.earlier.add(tenant, conversation, { ...observation.happened, unit: 0 } as Judgement);
  }

  /**
   * What is to be done with a version that was published is done when this resolves, or noted durably: it becomes the
   * canary, or stable, or waits until the version that is tried out has ended. Throws what moving aliases throws.
   */
  async publish(model: string, tenant: string, adapter: string): Promise<Placement> {
    const of = this.of(model, tenant);
    if (of === null) throw new Error(`there are more than ${maxTenants} tenants`);
    return of.publish(adapter);
  }

  /** Everything that time alone decides, and what somebody began by moving an alias. */
  tick(): void {
    for (const model of this.options.models)
      for (const tenant of this.options.rollout.tenantsOf(model)) this.guarded(model, tenant, () => {});
    for (const key of this.tenants.keys()) {
      const [model, tenant] = key.split('\n') as [string, string];
      this.guarded(model, tenant, (of) => of.tick());
    }
  }

  view(model: string, tenant: string): TrialsView {
    const isKnown = this.options.rollout.tenantsOf(model).includes(tenant);
    const of = isKnown ? this.of(model, tenant) : this.tenants.get(keyOf(model, tenant));
    return { trial: of?.view() ?? null, decisions: this.decisions.of(model, tenant) };
  }

  /** Waits for moves under way. What was observed is saved. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer !== null) clearInterval(this.timer);
    for (const of of this.tenants.values())
      await of.close().catch((error: unknown) => this.options.onProblem(`a trial is not saved: ${error}`));
    await this.decisions.close();
  }

  private guarded(model: string, tenant: string, work: (of: TenantTrial) => void): void {
    try {
      const of = this.of(model, tenant);
      if (of !== null) work(of);
    } catch (error) {
      this.options.onProblem(`${model}, ${tenant}: its trial failed: ${String(error)}`);
    }
  }

  private of(model: string, tenant: string): TenantTrial | null {
    if (this.isClosed) return null;
    return this.tenants.get(keyOf(model, tenant)) ?? this.enter(model, tenant, undefined);
  }

  /** `state` is what was stored; undefined begins anew. */
  private enter(model: string, tenant: string, state: unknown): TenantTrial | null {
    if (this.tenants.size >= maxTenants) return null;
    const { experiment = {}, watch = {}, onProblem } = this.options;
    const { parts, problems } =
      state === undefined ? { parts: newParts(), problems: [] } : restoreParts(state);
    for (const problem of problems) onProblem(`${model}, ${tenant}: a trial begins anew: ${problem}`);
    const trial = new Trial({ experiment, watch }, parts);
    const { store, decisions } = this;
    const of = new TenantTrial({ ...this.options, store, decisions, model, tenant, trial });
    this.tenants.set(keyOf(model, tenant), of);
    return of;
  }
}

const keyOf = (model: string, tenant: string): string => `${model}\n${tenant}`;
