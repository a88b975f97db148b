/**
 * Which version answers: the only owner of the aliases in this server. A move is stored before it counts, and a version is
 * in the engine before an alias points to it, so that no request waits for one or finds it missing.
 */

import { MillraceError } from '../../core/errors.ts';
import { type AdapterManifest, isAdapterId } from '../../core/registry/adapter-manifest.ts';
import { readAdapter } from '../../core/registry/adapter-store.ts';
import {
  type Aliases,
  aliasesOf,
  servedBase,
  type TenantAliases,
  type Tenants,
} from '../../core/registry/aliases.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import type { InferenceEngine } from '../batching/engine.ts';
import { AliasBook, type Unadopted } from './alias-book.ts';
import { onBase, promoted, rolledBack } from './alias-moves.ts';
import type { AliasStore } from './alias-store.ts';
import { armOf } from './experiment/assign.ts';
import { Residents } from './residents.ts';
import { concluded, type TrialEnd } from './trial-moves.ts';
import { Unwanted } from './unwanted.ts';
import { type Pin, versionId } from './version-id.ts';
import { type AliasMove, watchedMove } from './watched-move.ts';

/** A model whose versions are rolled out. */
export interface RolledModel {
  /** Name that clients use. */
  readonly id: string;
  /** Digest of the base version, whole and as responses name it. */
  readonly base: string;
  readonly shortBase: string;
  readonly engine: Pick<InferenceEngine, 'loadAdapter' | 'dropAdapter'>;
}

export type Arm = 'stable' | 'canary';

export interface Route {
  /** Null is the base alone. */
  readonly adapter: string | null;
  readonly version: string;
  /** Null for a request that is pinned. */
  readonly arm: Arm | null;
}

export interface RouteQuestion {
  readonly model: string;
  readonly tenant: string;
  /** What stays with one version while it is on trial. */
  readonly stickyKey: string;
  /** Null: where the aliases point. */
  readonly pin: Pin | null;
}

export interface RolloutOptions {
  readonly layout: Pick<LearningLayout, 'aliases' | 'adapters'>;
  /** Sum of the ranks that an engine has room for. */
  readonly maxRows: number;
  readonly now: () => Date;
  /** Hears of each move of an alias; must be quick. */
  readonly onMove?: ((move: AliasMove) => void) | undefined;
  /** Where the aliases are shared with other servers; else they are in the layout's file. */
  readonly store?: AliasStore | undefined;
  /** Brings an adapter's files here from where it was made, as `VersionSource.ensure` does; absent where all are made here. */
  readonly bring?: ((adapter: string) => Promise<void>) | undefined;
  /** Whether the base that this server serves becomes the one that is served; else it goes where the aliases are. */
  readonly leads?: boolean;
}

type Move = (aliases: TenantAliases) => TenantAliases | null | Promise<TenantAliases>;

interface Served {
  readonly model: RolledModel;
  readonly residents: Residents;
}

export class Rollout {
  private readonly options: RolloutOptions;
  private readonly book: AliasBook;
  private readonly unwanted: Unwanted;
  private readonly models = new Map<string, Served>();

  private constructor(options: RolloutOptions, book: AliasBook) {
    this.options = options;
    this.book = book;
    this.unwanted = new Unwanted(options.layout.adapters);
  }

  /** Throws what reading the aliases' file throws. */
  static async open(options: RolloutOptions): Promise<Rollout> {
    return new Rollout(options, await AliasBook.open(options));
  }

  get isPaused(): boolean {
    return this.book.current.paused;
  }

  /**
   * From the call of `onServed` on, which comes once the move is on disk, requests for the model's name are routed within
   * this base. On one that was served before, tenants go on from where they stood, without what was undone since.
   */
  async serve(model: RolledModel, onServed: () => void = () => {}): Promise<void> {
    const { adapters: folder } = this.options.layout;
    const residents = new Residents({ engine: model.engine, folder, maxRows: this.options.maxRows });
    await this.book.change(
      async (aliases) => {
        const isSame = servedBase(aliases, model.id) === model.base;
        const own = isSame ? aliases.models[model.id]! : onBase(aliases.models[model.id], model.base);
        const tenants = isSame ? own.tenants : await this.unwanted.withoutUndone(own.tenants);
        await preload(residents, tenants);
        if (isSame || !(this.options.leads ?? true)) return aliases;
        return { ...aliases, models: { ...aliases.models, [model.id]: { ...own, tenants } } };
      },
      {
        serves: { model: model.id, base: model.base },
        onDone: () => {
          this.models.set(model.id, { model, residents });
          onServed();
        },
      },
    );
  }

  /**
   * Goes where others have moved the aliases, as far as the versions can be had; returns of the tenants where they cannot
   * why. `fetch` brings a version's files here. To be called again later: what failed is tried again then.
   */
  adopt(next: Aliases, fetch: (adapter: string) => Promise<void>): Promise<Unadopted[]> {
    return this.book.adopt(next, async (model, adapter) => {
      await fetch(adapter);
      await this.warm(model, adapter);
    });
  }

  /** Loads a version, so that moving an alias to it waits for nothing. Throws as answer. */
  async warm(model: string, adapter: string): Promise<void> {
    await this.models.get(model)?.residents.during(adapter, () => {});
  }

  /** Digest of the base that is served; null for a model that is not rolled out. */
  baseOf(model: string): string | null {
    return this.models.get(model)?.model.base ?? null;
  }

  serves(model: string): boolean {
    return this.models.has(model);
  }

  of(model: string, tenant: string): TenantAliases {
    return aliasesOf(this.book.current, model, tenant);
  }

  tenantsOf(model: string): string[] {
    return Object.keys(this.book.current.models[model]?.tenants ?? {});
  }

  /**
   * Runs `answer` under the version that a request is answered with, which is in the engine until that has ended. Throws
   * version_not_found for a pin to what is not there or not the tenant's, base_replaced for one to what another base was
   * needed for, and what loading and `answer` throw.
   */
  async answer<T>(asked: RouteQuestion, answer: (route: Route) => T | Promise<T>): Promise<T> {
    const served = this.models.get(asked.model);
    if (served === undefined) throw new Error(`${asked.model} is not rolled out`);
    const { adapter, arm } = await this.choice(served, asked);
    const route = { adapter, version: versionId(served.model.shortBase, adapter, null), arm };
    return adapter === null ? answer(route) : served.residents.during(adapter, () => answer(route));
  }

  /** Makes a version the tenant's stable one, once it is in the engine. Throws as answer does for a pin, version_invalid. */
  async promote(
    model: string,
    tenant: string,
    adapter: string | null,
    options: { readonly pinned: boolean } = { pinned: false },
  ): Promise<TenantAliases> {
    const { now } = this.options;
    const change = (aliases: TenantAliases): TenantAliases =>
      promoted(aliases, adapter, { at: now().toISOString(), ...options });
    return this.watched({ model, tenant, verb: 'promote', adapter }, () =>
      this.pointTo(model, tenant, adapter, change),
    );
  }

  /** Back to the version before. Throws invalid_argument when there is none. */
  async rollback(model: string, tenant: string): Promise<TenantAliases> {
    return this.watched({ model, tenant, verb: 'rollback', adapter: null }, () =>
      this.move(model, tenant, (aliases) => rolledBack(aliases)),
    );
  }

  /** Gives a share of the conversations to a version; null ends that. */
  async setCanary(
    model: string,
    tenant: string,
    canary: { readonly adapter: string; readonly share: number } | null,
  ): Promise<TenantAliases> {
    const adapter = canary?.adapter ?? null;
    return this.watched({ model, tenant, verb: 'canary', adapter }, () =>
      this.pointTo(model, tenant, adapter, (aliases) => ({ ...aliases, canary })),
    );
  }

  async setShadow(model: string, tenant: string, adapter: string | null): Promise<TenantAliases> {
    return this.watched({ model, tenant, verb: 'shadow', adapter }, () =>
      this.pointTo(model, tenant, adapter, (aliases) => ({ ...aliases, shadow: adapter })),
    );
  }

  /** Ends the trial of a version. False when it is neither canary nor stable any more, so that nothing is left to do. */
  async conclude(model: string, tenant: string, adapter: string, end: TrialEnd): Promise<boolean> {
    return this.watched({ model, tenant, verb: 'conclude', adapter }, () =>
      this.concludeTrial(model, tenant, adapter, end),
    );
  }

  private async concludeTrial(
    model: string,
    tenant: string,
    adapter: string,
    end: TrialEnd,
  ): Promise<boolean> {
    const base = end === 'promote' ? await this.ready(model, tenant, adapter) : undefined;
    const at = this.options.now().toISOString();
    const before = this.of(model, tenant);
    let isDone = false;
    const move: Move = async (aliases) => {
      // An undo may have come while the version was made ready.
      if (end === 'promote') await this.unwanted.refuse(aliases, adapter);
      const next = concluded(aliases, adapter, { end, at });
      isDone = next !== aliases;
      return next;
    };
    if (concluded(before, adapter, { end, at }) !== before) await this.move(model, tenant, move, base);
    return isDone;
  }

  async setPaused(paused: boolean): Promise<void> {
    await this.book.change((aliases) => ({ ...aliases, paused }));
  }

  /** No version that has learned one of the rows is served any more; what is merged into the base is not looked at. */
  async undo(model: string, tenant: string, rows: readonly string[]): Promise<TenantAliases> {
    return this.watched({ model, tenant, verb: 'undo', adapter: null }, () =>
      this.move(model, tenant, async (aliases) => {
        const clean = await this.unwanted.without(aliases, rows);
        if (clean.stable !== aliases.stable) await this.ready(model, tenant, clean.stable);
        return clean;
      }),
    );
  }

  /** Whether a version is of the base, has learned nothing that was undone, and builds on nothing that was taken back. */
  isWanted(model: string, tenant: string, adapter: string): Promise<boolean> {
    return this.unwanted.isWanted(adapter, this.baseOf(model), this.of(model, tenant));
  }

  private async choice(
    served: Served,
    { model, tenant, stickyKey, pin }: RouteQuestion,
  ): Promise<Pick<Route, 'adapter' | 'arm'>> {
    if (pin === null) {
      const { stable, canary } = this.of(model, tenant);
      const isCanary = canary !== null && armOf(stickyKey, canary.adapter, canary.share) === 'canary';
      return isCanary ? { adapter: canary.adapter, arm: 'canary' } : { adapter: stable, arm: 'stable' };
    }
    if (pin.base !== null && pin.base !== served.model.shortBase) throw notFound(pin.base);
    if (pin.adapter !== null) await this.checkOwner(served, tenant, pin.adapter);
    return { adapter: pin.adapter, arm: null };
  }

  /** Returns the base within which it is ready. */
  private async ready(model: string, tenant: string, adapter: string | null): Promise<string> {
    const served = this.models.get(model);
    if (served === undefined) throw new MillraceError('version_not_found', { version: String(adapter) });
    if (adapter !== null) {
      await this.checkOwner(served, tenant, adapter);
      await served.residents.during(adapter, () => {});
    }
    return served.model.base;
  }

  /** Throws version_not_found; base_replaced for a version of the tenant's own. */
  private async checkOwner({ model, residents }: Served, tenant: string, adapter: string): Promise<void> {
    const manifest =
      residents.manifestOf(adapter) ?? (await readAdapter(this.options.layout.adapters, adapter));
    if (manifest.model !== model.id || manifest.tenant !== tenant) throw notFound(adapter);
    if (manifest.base !== model.base) throw baseReplaced(manifest, model);
  }

  private watched<T>(
    about: Pick<AliasMove, 'model' | 'tenant' | 'verb' | 'adapter'>,
    move: () => Promise<T>,
  ): Promise<T> {
    const { now, onMove } = this.options;
    return watchedMove({ ...about, now, onMove, aliases: () => this.of(about.model, about.tenant) }, move);
  }

  /** A move that makes an alias point to an adapter, which is in the engine by then and holds nothing that was undone. */
  private async pointTo(
    model: string,
    tenant: string,
    adapter: string | null,
    change: (aliases: TenantAliases) => TenantAliases,
  ): Promise<TenantAliases> {
    if (adapter !== null && isAdapterId(adapter)) await this.options.bring?.(adapter);
    const base = await this.ready(model, tenant, adapter);
    const move: Move = async (aliases) => {
      await this.unwanted.refuse(aliases, adapter);
      return change(aliases);
    };
    return this.move(model, tenant, move, base);
  }

  /** Within `base`, where it is given: nothing that was made ready for one base becomes an alias on another. */
  private async move(model: string, tenant: string, move: Move, base?: string): Promise<TenantAliases> {
    await this.book.change(async (aliases) => {
      const own = aliases.models[model];
      if (own === undefined || own.base !== (base ?? own.base)) throw notFound(base ?? model);
      const moved = await move(aliasesOf(aliases, model, tenant));
      if (moved === null) {
        const message = 'There is no earlier version to go back to: the base model alone is served.';
        throw new MillraceError('invalid_argument', { message });
      }
      const tenants = { ...own.tenants, [tenant]: moved };
      return { ...aliases, models: { ...aliases.models, [model]: { ...own, tenants } } };
    });
    return this.of(model, tenant);
  }
}

const preloaded = 8;

/** The newest tenants' versions are there at once, the others when they are asked for. */
async function preload(residents: Residents, tenants: Tenants): Promise<void> {
  for (const { stable } of Object.values(tenants).slice(-preloaded))
    if (stable !== null) await residents.during(stable, () => {}).catch(() => {});
}

const notFound = (version: string): MillraceError => new MillraceError('version_not_found', { version });

const baseReplaced = ({ id, base }: AdapterManifest, model: RolledModel): MillraceError =>
  new MillraceError('base_replaced', {
    version: id,
    // As long as responses name it.
    trained: base.slice(0, model.shortBase.length),
    model: model.id,
    served: model.shortBase,
  });
