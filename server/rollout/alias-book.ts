/**
 * The aliases as this server serves by them: what is stored, within the bases that are served here, and as far as the
 * versions are here. Changes are made one after the other, and are stored before they count.
 */
import { MillraceError } from '../../core/errors.ts';
import { readAdapter } from '../../core/registry/adapter-store.ts';
import { type Aliases, noAliases } from '../../core/registry/aliases.ts';
import { type Adoption, meanwhile, movedTenants, needed, withChange, withTenant } from './adoptable.ts';
import { onBase } from './alias-moves.ts';
import { type AliasStore, openAliasFile } from './alias-store.ts';
import { Unwanted } from './unwanted.ts';

export interface AliasBookOptions {
  /** The file of this server's own, and the folder of adapter versions. */
  readonly layout: { readonly aliases: string; readonly adapters: string };
  /** Where they are shared with other servers; else they are in the file. */
  readonly store?: AliasStore | undefined;
}

/** Aliases that this server does not follow, and why. */
export interface Unadopted {
  readonly model: string;
  readonly tenant: string;
  /** The version that could not be had. */
  readonly adapter: string;
  readonly error: unknown;
}

export interface ChangeOptions {
  /** Called in the moment from which on the change counts, which it does already. */
  readonly onDone?: () => void;
  /** Begins to be served: all of it is taken over as it is stored. */
  readonly serves?: { readonly model: string; readonly base: string };
}

type Change = (aliases: Aliases) => Aliases | Promise<Aliases>;

/** Of a change that meets others again and again. */
const maxConflicts = 5;
const contendedMs = 1_000;

export class AliasBook {
  private readonly options: AliasBookOptions;
  private readonly store: AliasStore;
  private readonly unwanted: Unwanted;
  /** Bases that are served here, by model. */
  private readonly bases = new Map<string, string>();
  private aliases: Aliases;
  private moving: Promise<unknown> = Promise.resolve();

  private constructor(options: AliasBookOptions, store: AliasStore, aliases: Aliases) {
    this.options = options;
    this.store = store;
    this.unwanted = new Unwanted(options.layout.adapters);
    this.aliases = aliases;
  }

  /** Throws what reading the file throws. */
  static async open(options: AliasBookOptions): Promise<AliasBook> {
    const file = await openAliasFile(options.layout.aliases);
    const store = options.store ?? file;
    // What is shared was in the file, too, when it could be read last.
    return new AliasBook(options, store, await store.read().catch(() => file.read()));
  }

  get current(): Aliases {
    return this.aliases;
  }

  /** Throws aliases_contended, what `change` throws, and what the store throws. */
  change(change: Change, options: ChangeOptions = {}): Promise<void> {
    return this.inTurn(async () => {
      const { serves, onDone } = options;
      const { before, after } = await this.stored(change, serves !== undefined);
      const here = serves === undefined ? after : await this.here(after, serves.model);
      if (serves !== undefined) this.bases.set(serves.model, serves.base);
      this.aliases = this.within(withChange(this.aliases, before, here, serves?.model));
      onDone?.();
    });
  }

  /**
   * Goes where others have moved the aliases, as far as the versions can be had; returns of the tenants where they cannot
   * why. `load` brings a version into the engine. To be called again later: what failed is tried again then.
   */
  adopt(next: Aliases, load: (model: string, adapter: string) => Promise<void>): Promise<Unadopted[]> {
    return this.inTurn(async () => {
      const failures: Unadopted[] = [];
      let aliases = this.within(next);
      for (const model of this.bases.keys()) {
        for (const move of movedTenants(model, this.aliases, aliases)) {
          const missing = await firstMissing(needed(move.next), (id) => load(model, id));
          if (missing !== null) {
            failures.push({ model, tenant: move.tenant, ...missing });
            aliases = withTenant(aliases, move, await meanwhile(move, (id) => this.mayStay(move, id)));
          }
        }
      }
      this.aliases = aliases;
      return failures;
    });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.moving.then(work);
    this.moving = done.catch(() => {});
    return done;
  }

  private async stored(
    change: Change,
    isStart: boolean,
  ): Promise<{ readonly before: Aliases; readonly after: Aliases }> {
    for (let attempt = 1; attempt <= maxConflicts; attempt++) {
      const before = await this.store.read().catch((error: unknown) => {
        // To serve where the aliases were when they could be read last is no move.
        if (!isStart) throw error;
        return this.aliases;
      });
      const next = await change(before);
      if (next === before) return { before, after: before };
      const after = { ...next, revision: before.revision + 1 };
      if (await this.store.replace(before, after)) return { before, after };
    }
    throw new MillraceError('aliases_contended', { retryAfterMs: contendedMs });
  }

  /** Where another base is served for all than here, this server's view is that of its own, until it moves. */
  private within(aliases: Aliases): Aliases {
    const models = { ...aliases.models };
    for (const [name, base] of this.bases) {
      const own = models[name];
      if (own !== undefined && own.base !== base) models[name] = onBase(own, base);
    }
    return { ...aliases, models };
  }

  /** What others have made may not have come here yet: then the base alone answers, until it is adopted. */
  private async here(aliases: Aliases, model: string): Promise<Aliases> {
    if (this.options.store === undefined) return aliases;
    let present = aliases;
    for (const move of movedTenants(model, noAliases, aliases))
      if (!(await this.areHere(needed(move.next))))
        present = withTenant(present, move, await meanwhile(move, async () => false));
    return present;
  }

  private async areHere(adapters: readonly string[]): Promise<boolean> {
    const found = adapters.map((id) => readAdapter(this.options.layout.adapters, id));
    return (await Promise.allSettled(found)).every(({ status }) => status === 'fulfilled');
  }

  private mayStay({ model, next }: Adoption, adapter: string): Promise<boolean> {
    // What cannot be read is not wanted.
    return this.unwanted.isWanted(adapter, this.bases.get(model) ?? null, next).catch(() => false);
  }
}

/** The first that cannot be loaded, and why; null when all can. */
async function firstMissing(
  adapters: readonly string[],
  load: (adapter: string) => Promise<void>,
): Promise<{ readonly adapter: string; readonly error: unknown } | null> {
  for (const adapter of adapters) {
    try {
      await load(adapter);
    } catch (error) {
      return { adapter, error };
    }
  }
  return null;
}
