/**
 * What has been learned and is learned again beside the new, so that it is not forgotten. Bounded; draws are seeded, so
 * that an update can be repeated. The oldest examples leave first, and no account holds more than its share.
 */
import type { Rng } from '../../core/rng.ts';
import type { Example } from '../examples/example.ts';

export interface ReplayLimits {
  readonly maxExamples: number;
  readonly maxPerAccount: number;
}

export class ReplayBuffer {
  private readonly limits: ReplayLimits;
  /** In order of arrival. */
  private readonly examples = new Map<string, Example>();

  constructor(limits: ReplayLimits, examples: readonly Example[] = []) {
    this.limits = limits;
    for (const example of examples) this.add(example);
  }

  get size(): number {
    return this.examples.size;
  }

  all(): readonly Example[] {
    return [...this.examples.values()];
  }

  has(id: string): boolean {
    return this.examples.has(id);
  }

  /** Adds the example; what leaves for it is returned. */
  add(example: Example): readonly Example[] {
    this.examples.delete(example.id);
    const own = this.all().filter(({ account }) => account === example.account);
    const left = own.slice(0, Math.max(0, own.length + 1 - this.limits.maxPerAccount));
    const rest = this.all().filter((other) => !left.includes(other));
    left.push(...rest.slice(0, Math.max(0, rest.length + 1 - this.limits.maxExamples)));
    for (const { id } of left) this.examples.delete(id);
    this.examples.set(example.id, example);
    return left;
  }

  /** Takes examples out; those that were there are returned. */
  remove(isDoomed: (example: Example) => boolean): readonly Example[] {
    const doomed = this.all().filter(isDoomed);
    for (const { id } of doomed) this.examples.delete(id);
    return doomed;
  }

  /** Up to `count` different examples, those excluded not among them. */
  sample(count: number, rng: Rng, excluded: ReadonlySet<string> = new Set()): Example[] {
    const pool = this.all().filter(({ id }) => !excluded.has(id));
    const drawn: Example[] = [];
    while (drawn.length < count && pool.length > 0) {
      drawn.push(...pool.splice(Math.floor(rng.next() * pool.length), 1));
    }
    return drawn;
  }
}
