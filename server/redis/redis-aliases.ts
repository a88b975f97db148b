/** The aliases of all replicas, in one hash: the document, its revision, and the token it was last written under. */
import type { Aliases } from '../../core/registry/aliases.ts';
import type { AliasesListener, Replaced, Replacing, SharedAliases } from '../cluster/shared-aliases.ts';
import { AliasesWatch } from './aliases-watch.ts';
import { aliasesText } from './check-aliases.ts';
import { fenceKey } from './redis-leader-lock.ts';
import type { RedisLink } from './redis-link.ts';
import { redisScript } from './redis-script.ts';

/**
 * KEYS: the hash, whose name is also that of the channel which new revisions are told on, and the latest token of the lock.
 * ARGV: expected and new revision, token or "", document.
 */
const replace = redisScript(`
local state = redis.call('HMGET', KEYS[1], 'revision', 'fence', 'document')
local latest = math.max(tonumber(state[2]) or 0, tonumber(redis.call('GET', KEYS[2])) or 0)
if ARGV[3] ~= '' and tonumber(ARGV[3]) < latest then return { 'fenced' } end
if (tonumber(state[1]) or 0) ~= tonumber(ARGV[1]) then return { 'conflict', state[3] } end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'document', ARGV[4])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'fence', ARGV[3]) end
redis.call('PUBLISH', KEYS[1], ARGV[2])
return { 'done' }
`);

export class RedisAliases implements SharedAliases {
  private readonly link: RedisLink;
  private readonly key: string;
  private readonly watch: AliasesWatch;
  private readonly unsubscribe: () => void;

  constructor(link: RedisLink) {
    this.link = link;
    this.key = link.key('aliases');
    this.watch = new AliasesWatch({ revision: () => this.revision(), read: () => this.read() });
    this.unsubscribe = link.subscribe(this.key, () => this.watch.hint());
  }

  async read(): Promise<Aliases | null> {
    return this.parsed(await this.link.run((redis) => redis.hget(this.key, 'document')));
  }

  async replace(next: Aliases, replacing: Replacing): Promise<Replaced> {
    const text = aliasesText(next, replacing);
    const { expectedRevision, fence } = replacing;
    const keys = [this.key, fenceKey(this.link)];
    const answer = await this.link.evaluate(replace, keys, [
      expectedRevision,
      next.revision,
      fence ?? '',
      text,
    ]);
    const [result, document] = answer as [Replaced['result'], (string | null)?];
    if (result === 'conflict') return { result, current: this.parsed(document ?? null) };
    this.watch.hint();
    return { result };
  }

  onChange(listener: AliasesListener): () => void {
    return this.watch.add(listener);
  }

  close(): Promise<void> {
    this.unsubscribe();
    return this.watch.close();
  }

  private async revision(): Promise<number | null> {
    const revision = await this.link.run((redis) => redis.hget(this.key, 'revision'));
    return revision === null ? null : Number(revision);
  }

  private parsed(document: string | null): Aliases | null {
    if (document === null) return null;
    const aliases = JSON.parse(document) as Aliases;
    if (aliases.format === 1) return aliases;
    throw new Error(`${this.key} in Redis has the format ${String(aliases.format)}, this program reads 1`);
  }
}
