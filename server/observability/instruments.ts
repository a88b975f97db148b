/** Makes the instruments of one registry, and remembers what each is for, so that documents follow from the code. */
import { Counter, Gauge, type Histogram, Registry } from 'prom-client';
import { Bins, Count, Family, type Member } from './family.ts';

/** Labels and the value under them. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];
/** Is asked at each scrape. */
export type Read = () => Iterable<Sample>;

export interface Described {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

/** What one instrument holds at a moment. */
export type Reading = { readonly described: Described } & (
  | { readonly kind: 'samples'; readonly samples: readonly Sample[] }
  | { readonly kind: 'bins'; readonly members: Iterable<Member<Bins>> }
);

interface About<Labels extends readonly string[]> {
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
}

type Histograms<Labels extends readonly string[]> = About<Labels> & { readonly buckets: readonly number[] };

export class Instruments {
  readonly registry = new Registry();
  private readonly known: Described[] = [];
  private readonly bins = new Map<string, Family<Bins, readonly string[]>>();

  /** In the order in which they were made. */
  get described(): readonly Described[] {
    return this.known;
  }

  /** As the registry shows them, in the order in which they were made. */
  read(): Promise<Reading[]> {
    return Promise.all(this.known.map((described) => this.readOne(described)));
  }

  counter<const Labels extends readonly string[]>(about: About<Labels>): Family<Count, Labels> {
    const family = new Family(about.labels, () => new Count());
    this.readCounter(about, () => samplesOf(family.members()));
    return family;
  }

  gauge<const Labels extends readonly string[]>(about: About<Labels>): Family<Count, Labels> {
    const family = new Family(about.labels, () => new Count());
    this.readGauge(about, () => samplesOf(family.members()));
    return family;
  }

  /** prom-client's own looks its labels up at each value; this one is only read by its registry. */
  histogram<const Labels extends readonly string[]>(about: Histograms<Labels>): Family<Bins, Labels> {
    const family = new Family(about.labels, () => new Bins(about.buckets));
    const { name, help } = this.register('histogram', about);
    this.bins.set(name, family);
    const type = 'histogram';
    const get = async () => ({ name, help, type, values: [...linesOf(name, family.members())] });
    this.registry.registerMetric({ name, help, type, get, reset() {} } as unknown as Histogram);
    return family;
  }

  readGauge(about: About<readonly string[]>, read: Read): void {
    const hasLabels = about.labels.length > 0;
    new Gauge({
      ...this.register('gauge', about),
      collect() {
        this.reset();
        // Otherwise it is 0 where nobody has said anything.
        if (!hasLabels) this.remove();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  /** Of what somebody else counts; where that begins anew, so does this, which is what Prometheus expects of a restart. */
  readCounter(about: About<readonly string[]>, read: Read): void {
    new Counter({
      ...this.register('counter', about),
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }

  private async readOne(described: Described): Promise<Reading> {
    const family = this.bins.get(described.name);
    if (family !== undefined) return { described, kind: 'bins', members: family.members() };
    const { values } = await this.registry.getSingleMetric(described.name)!.get();
    const samples = values.map(({ labels, value }): Sample => [labels as Record<string, string>, value]);
    return { described, kind: 'samples', samples };
  }

  private register(type: Described['type'], { name, help, labels }: About<readonly string[]>) {
    this.known.push({ name, type, labels, help });
    return { name, help, labelNames: labels, registers: [this.registry] };
  }
}

function* samplesOf(members: Iterable<Member<Count>>): Iterable<Sample> {
  for (const { labels, value } of members) yield [labels, value.value];
}

/** A histogram as prom-client's registry writes it. */
function* linesOf(name: string, members: Iterable<Member<Bins>>) {
  for (const { labels, value } of members) {
    const { bounds, counts, count, sum } = value;
    let upTo = 0;
    for (const [index, bound] of bounds.entries()) {
      upTo += counts[index]!;
      yield { metricName: `${name}_bucket`, labels: { le: bound, ...labels }, value: upTo };
    }
    yield { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count };
    yield { metricName: `${name}_sum`, labels, value: sum };
    yield { metricName: `${name}_count`, labels, value: count };
  }
}
