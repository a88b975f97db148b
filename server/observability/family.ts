/**
 * Numbers under labels. Whoever adds to one at each request or token keeps what `of` gives: adding then costs an addition,
 * where looking labels up costs microseconds.
 */

export class Count {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

/** How many values lie up to each bound. */
export class Bins {
  readonly bounds: readonly number[];
  /** Of the values up to each bound, and above those before it; the last is of those above all bounds. */
  readonly counts: number[];
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  /** What is no number is left out: one would spoil the sum for ever. */
  observe(value: number): void {
    if (!Number.isFinite(value)) return;
    const { bounds } = this;
    let index = 0;
    while (index < bounds.length && value > bounds[index]!) index++;
    this.counts[index]!++;
    this.count++;
    this.sum += value;
  }
}

/** A value for each label. */
export type LabelValues<Labels extends readonly string[]> = { readonly [Index in keyof Labels]: string };

export interface Member<Value> {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: Value;
}

/** Members are made when they are first asked for; without labels there is one from the start. */
export class Family<Value, Labels extends readonly string[]> {
  private readonly labels: Labels;
  private readonly create: () => Value;
  private readonly byKey = new Map<string, Member<Value>>();

  constructor(labels: Labels, create: () => Value) {
    this.labels = labels;
    this.create = create;
    if (labels.length === 0) this.add([]);
  }

  of(...values: LabelValues<Labels>): Value {
    return (this.byKey.get(keyOf(values)) ?? this.add(values)).value;
  }

  delete(...values: LabelValues<Labels>): void {
    this.byKey.delete(keyOf(values));
  }

  members(): Iterable<Member<Value>> {
    return this.byKey.values();
  }

  private add(values: readonly string[]): Member<Value> {
    const labels = Object.fromEntries(this.labels.map((label, index) => [label, values[index]!]));
    const member = { labels, value: this.create() };
    this.byKey.set(keyOf(values), member);
    return member;
  }
}

const keyOf = (values: readonly string[]): string => values.join('\0');
