/**
 * Keeps a replica where the shared aliases are: adapters are fetched and loaded before they are served, another base is
 * started beside the one that serves. What fails is tried again; until then the replica answers as before, and says so.
 */
import { messageOf } from '../../core/message-of.ts';
import { type Aliases, servedBase } from '../../core/registry/aliases.ts';
import type { MissingVersion } from '../cluster/roster.ts';
import type { Unadopted } from '../rollout/alias-book.ts';
import type { Rollout } from '../rollout/rollout.ts';
import type { Replica } from './replica.ts';
import type { BaseMoves } from './serve-event.ts';

export interface AliasFollowerParts {
  readonly replica: Pick<Replica, 'aliases' | 'fetchAdapter' | 'fetchBase' | 'tell' | 'adopted'>;
  readonly rollout: Pick<Rollout, 'adopt' | 'baseOf'>;
  readonly baseMoves: Pick<BaseMoves, 'to'>;
  /** Names of the models that are rolled out. */
  readonly models: readonly string[];
  readonly onProblem: (message: string) => void;
}

const [firstRetryMs, maxRetryMs] = [500, 30_000];

export class AliasFollower {
  private readonly parts: AliasFollowerParts;
  private readonly stop: () => void;
  /** The latest that was heard of and is not followed yet. */
  private next: Aliases | null = null;
  private following: Promise<void> | null = null;
  private retry: NodeJS.Timeout | null = null;
  private retryMs = firstRetryMs;
  private isClosed = false;
  /** What could not be had the last time. */
  private missed: readonly Unadopted[] = [];
  /** What was complained of already. */
  private lastProblem = '';

  constructor(parts: AliasFollowerParts) {
    this.parts = parts;
    this.stop = parts.replica.aliases.onChange((aliases) => this.hear(aliases));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.stop();
    if (this.retry !== null) clearTimeout(this.retry);
    await this.following;
  }

  private hear(aliases: Aliases): void {
    this.next = aliases;
    this.retryMs = firstRetryMs;
    this.go();
  }

  private go(): void {
    if (this.isClosed || this.following !== null) return;
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    this.following = this.follow().finally(() => {
      this.following = null;
      if (this.next !== null && this.retry === null) this.go();
    });
  }

  private async follow(): Promise<void> {
    const aliases = this.next;
    this.next = null;
    if (aliases === null) return;
    const { replica, rollout } = this.parts;
    const missing: MissingVersion[] = [];
    try {
      await this.moveBases(aliases, missing);
      const missed = await rollout.adopt(aliases, replica.fetchAdapter);
      this.tell(missed);
      missing.push(...missed.map(missingOf));
      if (missed.length > 0) throw new Error(missed.map(described).join('; '));
      this.lastProblem = '';
    } catch (error) {
      this.tryLater(aliases, messageOf(error));
    } finally {
      replica.adopted({ revision: aliases.revision, missing });
    }
  }

  /** The others hear of what this one cannot serve, and that it can again. */
  private tell(missed: readonly Unadopted[]): void {
    const { tell } = this.parts.replica;
    const isMissed = (id: string): boolean => missed.some(({ adapter }) => adapter === id);
    for (const { model, adapter } of this.missed) if (!isMissed(adapter)) tell(model, adapter, null);
    for (const { model, adapter, error } of missed) tell(model, adapter, error);
    this.missed = missed;
  }

  /** Throws when one cannot be moved to, which is added to `missing`. */
  private async moveBases(aliases: Aliases, missing: MissingVersion[]): Promise<void> {
    const { models, rollout, replica, baseMoves } = this.parts;
    for (const name of models) {
      const base = servedBase(aliases, name);
      if (base === null || base === rollout.baseOf(name)) continue;
      try {
        await replica.fetchBase(name, base);
        await baseMoves.to(name, base);
      } catch (error) {
        missing.push({ model: name, tenant: null, version: base, reason: String(error) });
        throw error;
      }
    }
  }

  /** Newer aliases come first. */
  private tryLater(aliases: Aliases, problem: string): void {
    if (problem !== this.lastProblem) this.parts.onProblem(`it answers as before: ${problem}`);
    this.lastProblem = problem;
    if (this.isClosed) return;
    this.next ??= aliases;
    this.retry = setTimeout(() => {
      this.retry = null;
      this.go();
    }, this.retryMs).unref();
    this.retryMs = Math.min(2 * this.retryMs, maxRetryMs);
  }
}

const missingOf = ({ model, tenant, adapter, error }: Unadopted): MissingVersion => ({
  model,
  tenant,
  version: adapter,
  reason: String(error),
});

const described = ({ model, tenant, error }: Unadopted): string => `${model}, ${tenant}: ${String(error)}`;
