/**
 * A stream of Redis. Each replica reads as a consumer group with one consumer, so that what it was given and has not
 * acknowledged is found again under the same name. Scripts make each step one round trip that happens as a whole.
 */
import type { EntryState, LogStream, StreamEntry, StreamRead } from '../cluster/log-stream.ts';
import type { RedisLink } from './redis-link.ts';
import { evaluate, type RedisScript, redisScript } from './redis-script.ts';

export interface RedisLogStreamOptions {
  /** One that nothing urgent waits on: a batch of long lines takes a while. */
  readonly link: RedisLink;
  /** Of the stream: "feedback". */
  readonly name: string;
  /** Beyond about so many the oldest are dropped. */
  readonly maxEntries: number;
}

const minDeadlineMs = 1_000;
const consumer = 'replica';
const field = 'r';

/** A stream that holds less than its bound has dropped nothing for it. */
const ofEntry = `
local function stateOf(id, bound)
  if #redis.call('XRANGE', KEYS[1], id, id) > 0 then return 'held' end
  local isFirst = #redis.call('XRANGE', KEYS[1], '-', id, 'COUNT', 1) == 0
  return isFirst and redis.call('XLEN', KEYS[1]) >= tonumber(bound) and 'dropped' or 'lost'
end`;

/** KEYS: stream. ARGV: bound, id or nothing, then texts. */
const appendScript = redisScript(`${ofEntry}
if ARGV[2] ~= '' and stateOf(ARGV[2], ARGV[1]) == 'lost' then return false end
local id
for i = 3, #ARGV do id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', '${field}', ARGV[i]) end
return id`);

/** KEYS: stream. ARGV: bound, id. */
const stateScript = redisScript(`${ofEntry}
return stateOf(ARGV[2], ARGV[1])`);

/** KEYS: stream. ARGV: group. The last id that it was given; nothing where there is no such group. */
const lookUpGroup = `
local delivered
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local name, id
    for i = 1, #group, 2 do
      if group[i] == 'name' then name = group[i + 1] end
      if group[i] == 'last-delivered-id' then id = group[i + 1] end
    end
    if name == ARGV[1] then delivered = id end
  end
end`;

/** Makes it where there is none, which isNew tells. */
const ofGroup = `${lookUpGroup}
local isNew = 0
if not delivered then
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
  delivered = '0-0'
  isNew = 1
end`;

/** ARGV: group, number. Returns whether the group is new, whether the last id that it was given is gone, that id, the oldest id, entries. */
const readScript = redisScript(`${ofGroup}
local isGone = 0
if delivered ~= '0-0' and #redis.call('XRANGE', KEYS[1], delivered, delivered) == 0 then isGone = 1 end
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], '${consumer}', 'COUNT', ARGV[2], 'STREAMS', KEYS[1], '>')
return {isNew, isGone, delivered, oldest[1] and oldest[1][1] or '', read and read[1][2] or {}}`);

/** ARGV: group, number. Returns whether the group is new, and what it was given and has not acknowledged; gone entries have no fields. */
const pendingScript = redisScript(`${ofGroup}
local found = {}
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[2])) do
  local entry = redis.call('XRANGE', KEYS[1], pending[1], pending[1])
  table.insert(found, entry[1] or {pending[1], {}})
end
return {isNew, found}`);

/** KEYS: stream. ARGV: group. */
const forgetScript = redisScript(`${lookUpGroup}
if delivered then redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1]) end
return delivered and delivered ~= '0-0' and 1 or 0`);

/** KEYS: stream. ARGV: idle time, ms. */
const dropScript = redisScript(`
local dropped = {}
if redis.call('EXISTS', KEYS[1]) == 0 then return dropped end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local name
  for i = 1, #group, 2 do if group[i] == 'name' then name = group[i + 1] end end
  local least
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], name)) do
    for i = 1, #consumer, 2 do
      if consumer[i] == 'idle' and (not least or consumer[i + 1] < least) then least = consumer[i + 1] end
    end
  end
  if least and least > tonumber(ARGV[1]) then
    redis.call('XGROUP', 'DESTROY', KEYS[1], name)
    table.insert(dropped, name)
  end
end
return dropped`);

type Reply = readonly [id: string, fields: readonly string[]];
type ReadReply = readonly [
  isNew: number,
  isGone: number,
  delivered: string,
  oldest: string,
  entries: Reply[],
];

export class RedisLogStream implements LogStream {
  private readonly options: RedisLogStreamOptions;

  constructor(options: RedisLogStreamOptions) {
    this.options = options;
  }

  async append(texts: readonly string[], after: string | null): Promise<string | null> {
    const { maxEntries } = this.options;
    return (await this.evaluate(appendScript, maxEntries, after ?? '', ...texts)) as string | null;
  }

  async stateOf(id: string): Promise<EntryState> {
    return (await this.evaluate(stateScript, this.options.maxEntries, id)) as EntryState;
  }

  async isCut(): Promise<boolean> {
    const length = await this.options.link.run((redis) => redis.xlen(this.key));
    return length >= this.options.maxEntries;
  }

  async read(group: string, which: 'pending' | 'new', maxEntries: number): Promise<StreamRead> {
    if (which === 'pending') {
      const [isNew, found] = (await this.evaluate(pendingScript, group, maxEntries)) as [number, Reply[]];
      return { entries: found.map(entryOf), isBehind: false, isNew: isNew === 1 };
    }
    const reply = (await this.evaluate(readScript, group, maxEntries)) as ReadReply;
    const [isNew, isGone, delivered, oldest, entries] = reply;
    const isBehind = isGone === 1 && oldest !== '' && isLater(oldest, delivered);
    return { entries: entries.map(entryOf), isBehind, isNew: isNew === 1 };
  }

  async forget(group: string): Promise<boolean> {
    return (await this.evaluate(forgetScript, group)) === 1;
  }

  async acknowledge(group: string, ids: readonly string[]): Promise<void> {
    await this.options.link.run((redis) => redis.xack(this.key, group, ...ids));
  }

  async dropGroups(idleMs: number): Promise<string[]> {
    return (await this.evaluate(dropScript, idleMs)) as string[];
  }

  private get key(): string {
    return this.options.link.key('stream', this.options.name);
  }

  private evaluate(script: RedisScript, ...args: (string | number)[]): Promise<unknown> {
    const deadlineMs = Math.max(minDeadlineMs, this.options.link.commandMs);
    return this.options.link.run((redis) => evaluate(redis, script, [this.key], args), { deadlineMs });
  }
}

/** Fields and values in turn; the only field is ours. */
const entryOf = ([id, fields]: Reply): StreamEntry => ({ id, text: fields[1] ?? null });

/** Ids are "<ms>-<number>". An empty one is earlier than any. */
function isLater(a: string, b: string): boolean {
  const [aMs, aNumber] = partsOf(a);
  const [bMs, bNumber] = partsOf(b);
  return aMs > bMs || (aMs === bMs && aNumber > bNumber);
}

function partsOf(id: string): [number, number] {
  const [ms = '', number = ''] = id.split('-');
  return [Number(ms), Number(number)];
}
