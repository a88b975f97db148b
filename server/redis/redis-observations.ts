/** Observations in a stream of Redis, which one group reads: what was delivered stays until it is acknowledged. */
import { observationTexts } from '../cluster/check-observations.ts';
import type { ObservationChannel, Observed, Taken } from '../cluster/observation-channel.ts';
import { RedisUnavailable } from './redis-failure.ts';
import type { RedisLink } from './redis-link.ts';
import { redisScript } from './redis-script.ts';

/** One of each: whoever learns next goes on where the one before stopped. */
const group = 'learner';

/** KEYS[1] is the stream. ARGV: most entries, then pairs of id and text. Redis trims by whole blocks, a hundred entries or so. */
const append = redisScript(`
for i = 2, #ARGV, 2 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'id', ARGV[i], 'observation', ARGV[i + 1])
end
return 1
`);

/** ARGV: group, then entries. */
const acknowledge = redisScript(`
for i = 2, #ARGV do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  redis.call('XDEL', KEYS[1], ARGV[i])
end
return 1
`);

/** What XREADGROUP gives of one stream; fields are null where the entry was trimmed since it was delivered. */
type Entries = readonly (readonly [entry: string, fields: readonly string[] | null])[];

export class RedisObservations<T> implements ObservationChannel<T> {
  private readonly link: RedisLink;
  private readonly reader: RedisLink;
  private readonly key: string;
  private readonly max: number;

  /** At most about `max` are kept. */
  constructor(link: RedisLink, max: number) {
    this.link = link;
    this.reader = link.duplicate('observations');
    this.key = link.key('observations');
    this.max = max;
  }

  async append(observations: readonly Observed<T>[]): Promise<void> {
    const texts = observationTexts(observations);
    const args = observations.flatMap(({ id }, index) => [id, texts[index]!]);
    if (args.length > 0) await this.link.evaluate(append, [this.key], [this.max, ...args]);
  }

  async take(max: number, waitMs: number): Promise<readonly Taken<T>[]> {
    try {
      return await this.takeFrom(max, waitMs);
    } catch (error) {
      const hasNoGroup = error instanceof RedisUnavailable && /NOGROUP/.test(error.message);
      if (!hasNoGroup) throw error;
    }
    await this.createGroup();
    return this.takeFrom(max, waitMs);
  }

  async acknowledge(receipts: readonly string[]): Promise<void> {
    if (receipts.length > 0) await this.link.evaluate(acknowledge, [this.key], [group, ...receipts]);
  }

  size(): Promise<number> {
    return this.link.run((redis) => redis.xlen(this.key));
  }

  close(): Promise<void> {
    return this.reader.close();
  }

  private async takeFrom(max: number, waitMs: number): Promise<readonly Taken<T>[]> {
    const again = await this.read(this.link, max, '0');
    const there = again.flatMap((entry) => takenOf<T>(entry) ?? []);
    if (there.length > 0) return there;
    await this.acknowledge(again.map(([entry]) => entry));
    const news =
      waitMs < 1 ? await this.read(this.link, max, '>') : await this.waitFor(max, Math.floor(waitMs));
    return news.flatMap((entry) => takenOf<T>(entry) ?? []);
  }

  /** On a connection of its own, which nothing else then waits for. */
  private async waitFor(max: number, waitMs: number): Promise<Entries> {
    const { reader } = this;
    await reader.up(Math.min(waitMs, reader.commandMs));
    return this.read(reader, max, '>', waitMs);
  }

  private async read(link: RedisLink, max: number, from: '0' | '>', waitMs = 0): Promise<Entries> {
    const block = waitMs === 0 ? [] : ['BLOCK', waitMs];
    const args = ['GROUP', group, group, 'COUNT', max, ...block, 'STREAMS', this.key, from];
    const deadlineMs = waitMs + link.commandMs;
    const answer = await link.run((redis) => redis.call('XREADGROUP', ...args), { deadlineMs });
    return (answer as readonly [string, Entries][] | null)?.[0]?.[1] ?? [];
  }

  /** From the first entry on: what was added before anybody learned counts. */
  private async createGroup(): Promise<void> {
    await this.link
      .run((redis) => redis.xgroup('CREATE', this.key, group, '0', 'MKSTREAM'))
      .catch((error: unknown) => {
        const isThere = error instanceof RedisUnavailable && /BUSYGROUP/.test(error.message);
        if (!isThere) throw error;
      });
  }
}

/** Null for one that was trimmed since it was delivered, or that nobody of ours wrote: it would come again for ever. */
function takenOf<T>([receipt, fields]: Entries[number]): Taken<T> | null {
  const [, id, , text] = fields ?? [];
  if (id === undefined || text === undefined) return null;
  try {
    return { receipt, id, observation: JSON.parse(text) as T };
  } catch {
    return null;
  }
}
