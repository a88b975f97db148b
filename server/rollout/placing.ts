/** Puts a tenant's new versions where the rule says, one after the other, and brings in the one that waits. */
import { Turns } from '../../core/turns.ts';
import type { Rollout } from './rollout.ts';
import type { Trial } from './trial.ts';
import { type Placement, placementOf, waitingAfter } from './waiting-version.ts';

export interface PlacingParts {
  readonly model: string;
  readonly tenant: string;
  readonly trial: Pick<Trial, 'waiting'>;
  readonly rollout: Pick<Rollout, 'of' | 'isWanted' | 'promote' | 'setCanary'>;
  /** Of conversations that a new version gets first; 0 serves it to all at once. */
  readonly canaryShare: number;
  readonly now: () => number;
  /** Makes durable who waits. */
  readonly save: () => Promise<void>;
  readonly onPlaced: (message: string) => void;
  readonly onProblem: (what: string, error: unknown) => void;
}

const retryAfterMs = 1_000;
/** A version that waited and cannot be served is given up after so many tries. */
const maxAttempts = 5;

export class Placing {
  private readonly parts: PlacingParts;
  private readonly turns = new Turns();
  private isStarting = false;
  private numAttempts = 0;
  /** When who waits was last tried in vain, by a clock that may be set back. */
  private failedMs: number | null = null;

  constructor(parts: PlacingParts) {
    this.parts = parts;
  }

  /** What is to be done with a version that was published is done, or noted durably. Throws what moving aliases throws. */
  publish(adapter: string): Promise<Placement> {
    return this.turns.run(async () => {
      const { rollout, trial, model, tenant, canaryShare, save } = this.parts;
      const placement = placementOf(rollout.of(model, tenant), adapter, canaryShare);
      await this.serve(adapter, placement);
      trial.waiting = waitingAfter(trial.waiting, adapter, placement);
      await save();
      return placement;
    });
  }

  /** Begins to serve who waits, if there is somebody whose turn it is. */
  advance(): void {
    const { trial, rollout, model, tenant, now } = this.parts;
    if (trial.waiting === null || this.isStarting || isWithin(retryAfterMs, this.failedMs, now())) return;
    if (rollout.of(model, tenant).canary !== null) return;
    this.isStarting = true;
    void this.turns
      .run(() => this.start())
      .catch((error: unknown) => this.failed(error))
      .then(() => {
        this.isStarting = false;
      });
  }

  /** Waits for what is under way. */
  close(): Promise<void> {
    return this.turns.run(async () => {});
  }

  private async start(): Promise<void> {
    const { rollout, trial, model, tenant, canaryShare, onPlaced, save } = this.parts;
    const { waiting } = trial;
    if (waiting === null) return;
    const isWanted = await rollout.isWanted(model, tenant, waiting);
    const aliases = rollout.of(model, tenant);
    const placement = placementOf(aliases, waiting, canaryShare);
    if (placement === 'waiting') return;
    const isServed = isWanted && !aliases.pinned;
    if (isServed) await this.serve(waiting, placement);
    onPlaced(`${waiting} waited and is ${isServed ? placement : 'not wanted any more'}`);
    this.numAttempts = 0;
    trial.waiting = null;
    await save();
  }

  private failed(error: unknown): void {
    const { trial, now, onProblem } = this.parts;
    this.numAttempts += 1;
    this.failedMs = now();
    onProblem(`${trial.waiting} waits`, error);
    if (this.numAttempts < maxAttempts) return;
    this.numAttempts = 0;
    trial.waiting = null;
  }

  private async serve(adapter: string, placement: Placement): Promise<void> {
    const { rollout, model, tenant, canaryShare } = this.parts;
    if (placement === 'canary') await rollout.setCanary(model, tenant, { adapter, share: canaryShare });
    if (placement === 'stable') await rollout.promote(model, tenant, adapter);
  }
}

/** Not so either where the clock shows a time before: then it was set back, nobody knows how long ago. */
const isWithin = (limitMs: number, sinceMs: number | null, nowMs: number): boolean =>
  sinceMs !== null && nowMs >= sinceMs && nowMs < sinceMs + limitMs;
