/** What each conversation's user gave so far, on the mean: bounded, those that were silent for longest are forgotten. */
import { type Judgement, qualityOf } from './experiment/observation.ts';

const maxConversations = 10_000;

interface Sum {
  readonly total: number;
  readonly count: number;
}

export class EarlierQuality {
  private readonly sums = new Map<string, Sum>();

  /** In [-1, 1]; null when nothing is known. */
  of(tenant: string, conversation: string): number | null {
    const sum = this.sums.get(keyOf(tenant, conversation));
    return sum === undefined ? null : sum.total / sum.count;
  }

  add(tenant: string, conversation: string, judgement: Judgement): void {
    const key = keyOf(tenant, conversation);
    const { total, count } = this.sums.get(key) ?? { total: 0, count: 0 };
    this.sums.delete(key);
    this.sums.set(key, { total: total + qualityOf(judgement), count: count + 1 });
    if (this.sums.size > maxConversations) this.sums.delete(this.sums.keys().next().value!);
  }
}

const keyOf = (tenant: string, conversation: string): string => `${tenant}/${conversation}`;
