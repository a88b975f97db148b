/** One tenant's trial as it acts: what it concludes is done to the aliases at once, once, and noted; its state is saved. */
import { messageOf } from '../../core/message-of.ts';
import { type Conclusion, type Decision, type Effect, lineOf } from './conclusion.ts';
import type { Decisions } from './decisions.ts';
import { isHarm } from './experiment/harm.ts';
import { Placing } from './placing.ts';
import type { Rollout } from './rollout.ts';
import type { Trial } from './trial.ts';
import type { TrialEnd } from './trial-moves.ts';
import type { TrialObservation } from './trial-observation.ts';
import { TrialSaver } from './trial-saver.ts';
import type { TrialStore } from './trial-store.ts';
import type { Placement } from './waiting-version.ts';

export interface TenantTrialParts {
  readonly model: string;
  readonly tenant: string;
  readonly trial: Trial;
  readonly rollout: Pick<Rollout, 'of' | 'baseOf' | 'isWanted' | 'promote' | 'setCanary' | 'conclude'>;
  readonly store: TrialStore;
  readonly decisions: Decisions;
  /** Of conversations that a new version gets first; 0 serves it to all at once. */
  readonly canaryShare: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onDecision: (message: string) => void;
  readonly onProblem: (message: string) => void;
}

const retryAfterMs = 1_000;

export class TenantTrial {
  private readonly parts: TenantTrialParts;
  private readonly name: string;
  private readonly saver: TrialSaver;
  private readonly placing: Placing;
  private concluding: Promise<void> | null = null;
  /** Nothing is concluded before, since the last move failed. */
  private retryMs = 0;
  private isClosed = false;

  constructor(parts: TenantTrialParts) {
    this.parts = parts;
    const { store, trial, model, tenant, now, onDecision } = parts;
    this.name = `${model}, ${tenant}`;
    this.saver = new TrialSaver({ write: () => store.save(model, tenant, trial.state()), now });
    this.placing = new Placing({
      ...parts,
      save: async () => {
        this.follow();
        await this.saver.save();
      },
      onPlaced: (message) => onDecision(`${this.name}: ${message}`),
      onProblem: (what, error) => this.tell(what, error),
    });
    this.follow();
  }

  observe(observation: TrialObservation): void {
    this.follow();
    this.parts.trial.record(observation, this.parts.now());
    this.saver.mark();
    this.advance();
  }

  /** Everything that time alone decides. */
  tick(): void {
    this.follow();
    this.advance();
    this.saver.saveIfDue(this.parts.trial.isActive ? 'active' : 'idle').catch(this.unsaved);
  }

  /** What is to be done with a version that was published is done, or noted durably. Throws what moving aliases throws. */
  async publish(adapter: string): Promise<Placement> {
    await this.concluding;
    return this.placing.publish(adapter);
  }

  view() {
    this.follow();
    return this.parts.trial.view();
  }

  /** Waits for moves under way. What was observed is saved. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.concluding;
    await this.placing.close();
    await this.saver.close();
  }

  /** Looks where the aliases are, whoever moved them. */
  private follow(): void {
    const { rollout, trial, model, tenant, now } = this.parts;
    const base = rollout.baseOf(model);
    if (base === null) return;
    for (const stopped of trial.follow(base, rollout.of(model, tenant), now())) this.note(stopped, 'none');
  }

  private advance(): void {
    const nowMs = this.parts.now();
    if (this.isClosed || this.concluding !== null) return;
    const conclusion = nowMs < this.retryMs ? null : this.parts.trial.due(nowMs);
    if (conclusion === null) this.placing.advance();
    else if (conclusion.kind === 'settled') this.settle(conclusion);
    else this.conclude(conclusion);
  }

  private settle(conclusion: Conclusion): void {
    this.parts.trial.settle();
    this.note(conclusion, 'none');
  }

  private conclude(conclusion: Conclusion): void {
    const { trial, now } = this.parts;
    trial.begin(conclusion);
    const moved = this.move(conclusion).catch((error: unknown) => {
      this.retryMs = now() + retryAfterMs;
      this.tell(`${conclusion.kind} of ${conclusion.version} failed and is tried again`, error);
    });
    this.concluding = moved.then(() => {
      trial.concluded();
      this.concluding = null;
      this.saver.save().catch(this.unsaved);
    });
  }

  private async move(conclusion: Conclusion): Promise<void> {
    const { rollout, model, tenant } = this.parts;
    const { pinned } = rollout.of(model, tenant);
    const isDone = await rollout.conclude(model, tenant, conclusion.version, endOf(conclusion, { pinned }));
    this.follow();
    const isHeld = conclusion.kind === 'promote' && pinned;
    this.note(conclusion, !isDone ? 'superseded' : isHeld ? 'held' : 'moved');
    if (conclusion.trial === 'watch')
      await this.dropUnwantedCanary().catch((error: unknown) => this.tell('its canary', error));
  }

  /** One that was built on what was taken back just now. */
  private async dropUnwantedCanary(): Promise<void> {
    const { rollout, model, tenant } = this.parts;
    const { canary } = rollout.of(model, tenant);
    if (canary === null || (await rollout.isWanted(model, tenant, canary.adapter))) return;
    await rollout.conclude(model, tenant, canary.adapter, 'drop');
    this.follow();
  }

  private note(conclusion: Conclusion, effect: Effect): void {
    const { model, tenant, decisions, onDecision, now } = this.parts;
    const at = new Date(now()).toISOString();
    const decision: Decision = { type: 'decision', at, model, tenant, effect, ...conclusion };
    this.saver.mark();
    onDecision(lineOf(decision));
    decisions.append(decision).catch((error: unknown) => this.tell('a decision is not in the log', error));
  }

  private readonly unsaved = (error: unknown): void => this.tell('it is not saved', error);

  private tell(what: string, error: unknown): void {
    this.parts.onProblem(`${this.name}: ${what}: ${messageOf(error)}`);
  }
}

/** Where stable is pinned, a canary that won is not promoted. Only harm speaks against a version for good. */
function endOf({ kind, reason }: Conclusion, { pinned }: { readonly pinned: boolean }): TrialEnd {
  if (kind === 'promote') return pinned ? 'drop' : 'promote';
  return isHarm(reason) ? 'take-back' : 'drop';
}
