/**
 * What has been learned and is learned again beside the new, so that it is not forgotten: spaced repetition (Leitner 1972;
 * for networks Amiri et al., "Repeat before Forgetting", 2017). An example that was still known comes back after twice
 * the time, one that was not comes back at once. Bounded; the oldest examples leave first, and no account holds more than
 * its share.
 */
import type { Rng } from '../../core/rng.ts';
import type { Example } from '../examples/example.ts';

export interface ReplayLimits {
  readonly maxExamples: number;
  readonly maxPerAccount: number;
}

/** Turns count steps of training. */
export interface Repetition {
  readonly example: Example;
  /** Turns until it comes back after it was known. */
  readonly interval: number;
  /** The turn from which on it is due. */
  readonly due: number;
}

/** However well an example is known, it comes back after so many turns. */
const maxInterval = 64;

export class ReplayBuffer {
  private readonly limits: ReplayLimits;
  /** In order of arrival. */
  private readonly repetitions = new Map<string, Repetition>();
  /** Of examples by account. */
  private readonly counts = new Map<string, number>();

  /** Goes on from a state; of one that is larger than the limits the newest examples stay. */
  constructor(limits: ReplayLimits, repetitions: readonly Repetition[] = []) {
    this.limits = limits;
    for (const repetition of repetitions) this.put(repetition);
  }

  /** To try something out: marks of the copy are not the buffer's. */
  copy(): ReplayBuffer {
    return new ReplayBuffer(this.limits, this.state());
  }

  get size(): number {
    return this.repetitions.size;
  }

  all(): readonly Example[] {
    return this.state().map(({ example }) => example);
  }

  /** All that a later buffer needs to go on. */
  state(): readonly Repetition[] {
    return [...this.repetitions.values()];
  }

  has(id: string): boolean {
    return this.repetitions.has(id);
  }

  /** Adds an example that was just learned; what leaves for it is returned. */
  add(example: Example, turn: number): readonly Example[] {
    return this.put({ example, interval: 1, due: turn + 1 });
  }

  /** Takes examples out; those that were there are returned. */
  remove(isDoomed: (example: Example) => boolean): readonly Example[] {
    const doomed = this.all().filter(isDoomed);
    for (const { id } of doomed) this.take(id);
    return doomed;
  }

  /** Of the examples that are due those that have been the longest, of equals any, at most `count`. */
  next(count: number, turn: number, rng: Rng, excluded: ReadonlySet<string>): Example[] {
    return this.state()
      .filter(({ example, due }) => due <= turn && !excluded.has(example.id))
      .map((repetition) => ({ example: repetition.example, overdue: turn - repetition.due + rng.next() }))
      .sort((a, b) => b.overdue - a.overdue)
      .slice(0, count)
      .map(({ example }) => example);
  }

  /** The examples that are due the soonest, due or not, at most `count`. */
  soonest(count: number, excluded: ReadonlySet<string>): Example[] {
    return this.state()
      .filter(({ example }) => !excluded.has(example.id))
      .sort((a, b) => a.due - b.due)
      .slice(0, count)
      .map(({ example }) => example);
  }

  /** An example was looked at in this turn, and was still known or not. */
  mark(id: string, isKnown: boolean, turn: number): void {
    const repetition = this.repetitions.get(id);
    if (repetition === undefined) return;
    const interval = isKnown ? Math.min(maxInterval, repetition.interval * 2) : 1;
    this.repetitions.set(id, { ...repetition, interval, due: turn + interval });
  }

  private put(repetition: Repetition): readonly Example[] {
    const { id, account } = repetition.example;
    this.take(id);
    const left: Example[] = [];
    const maxOwn = Math.max(1, this.limits.maxPerAccount);
    while (this.numOf(account) >= maxOwn)
      left.push(this.takeOldest((example) => example.account === account));
    const max = Math.max(1, this.limits.maxExamples);
    while (this.size >= max) left.push(this.takeOldest(() => true));
    this.repetitions.set(id, repetition);
    this.counts.set(account, this.numOf(account) + 1);
    return left;
  }

  private numOf(account: string): number {
    return this.counts.get(account) ?? 0;
  }

  private takeOldest(isMeant: (example: Example) => boolean): Example {
    for (const { example } of this.repetitions.values()) {
      if (!isMeant(example)) continue;
      this.take(example.id);
      return example;
    }
    throw new Error('the count of an account is that of its examples');
  }

  private take(id: string): void {
    const account = this.repetitions.get(id)?.example.account;
    if (account === undefined) return;
    this.repetitions.delete(id);
    this.counts.set(account, this.numOf(account) - 1);
    if (this.numOf(account) === 0) this.counts.delete(account);
  }
}
