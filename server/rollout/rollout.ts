/**
 * Which version answers: the only owner of the aliases. A move is on disk before it counts, and a version is in the
 * engine before an alias points to it, so that no request waits for one or finds it missing.
 */

import { MillraceError } from '../../core/errors.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { readAdapter } from '../../core/registry/adapter-store.ts';
import {
  type Aliases,
  aliasesOf,
  readAliases,
  servedBase,
  type TenantAliases,
  type Tenants,
  writeAliases,
} from '../../core/registry/aliases.ts';
import type { LearningLayout } from '../../core/registry/learning-layout.ts';
import { chainOf, cleanAncestor } from '../../core/registry/lineage.ts';
import type { InferenceEngine } from '../batching/engine.ts';
import { onBase, promoted, rolledBack, undone } from './alias-moves.ts';
import { armOf } from './experiment/assign.ts';
import { Residents } from './residents.ts';
import { concluded, type TrialEnd } from './trial-moves.ts';
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

export interface RolloutOptions {
  readonly layout: Pick<LearningLayout, 'aliases' | 'adapters'>;
  /** Sum of the ranks that an engine has room for. */
  readonly maxRows: number;
  readonly now: () => Date;
  /** Hears of each move of an alias; must be quick. */
  readonly onMove?: ((move: AliasMove) => void) | undefined;
}

type Move = (aliases: TenantAliases) => TenantAliases | null | Promise<TenantAliases>;

interface Served {
  readonly model: RolledModel;
  readonly residents: Residents;
}

export class Rollout {
  private readonly options: RolloutOptions;
  private readonly models = new Map<string, Served>();
  private aliases: Aliases;
  /** Moves are made one after the other. */
  private moving: Promise<unknown> = Promise.resolve();

  private constructor(options: RolloutOptions, aliases: Aliases) {
    this.options = options;
    this.aliases = aliases;
  }

  static async open(options: RolloutOptions): Promise<Rollout> {
    return new Rollout(options, await readAliases(options.layout.aliases));
  }

  get isPaused(): boolean {
    return this.aliases.paused;
  }

  /**
   * From the call of `onServed` on, which comes once the move is on disk, requests for the model's name are routed within
   * this base. On one that was served before, tenants go on from where they stood, without what was undone since.
   */
  async serve(model: RolledModel, onServed: () => void = () => {}): Promise<void> {
    const { adapters: folder } = this.options.layout;
    const residents = new Residents({ engine: model.engine, folder, maxRows: this.options.maxRows });
    await this.change(
      async (aliases) => {
        const isSame = servedBase(aliases, model.id) === model.base;
        const own = isSame ? aliases.models[model.id]! : onBase(aliases.models[model.id], model.base);
        const tenants = isSame ? own.tenants : await this.withoutUndone(own.tenants);
        await preload(residents, tenants);
        if (isSame) return aliases;
        return { ...aliases, models: { ...aliases.models, [model.id]: { ...own, tenants } } };
      },
      () => {
        this.models.set(model.id, { model, residents });
        onServed();
      },
    );
  }

  /** Digest of the base that is served; null for a model that is not rolled out. */
  baseOf(model: string): string | null {
    return this.models.get(model)?.model.base ?? null;
  }

  serves(model: string): boolean {
    return this.models.has(model);
  }

  of(model: string, tenant: string): TenantAliases {
    return aliasesOf(this.aliases, model, tenant);
  }

  tenantsOf(model: string): string[] {
    return Object.keys(this.aliases.models[model]?.tenants ?? {});
  }

  /**
   * Throws version_not_found for a pin to what is not there or not the tenant's, base_replaced for one to what another base
   * was needed for, and what loading throws.
   */
  async resolve(model: string, tenant: string, stickyKey: string, pin: Pin | null): Promise<Route> {
    const served = this.models.get(model);
    if (served === undefined) throw new Error(`${model} is not rolled out`);
    const { shortBase } = served.model;
    if (pin !== null) {
      if (pin.base !== null && pin.base !== shortBase) throw notFound(pin.base);
      if (pin.adapter !== null) await this.checkOwner(served, tenant, pin.adapter);
      return this.routeTo(served, pin.adapter, null);
    }
    const { stable, canary } = this.of(model, tenant);
    if (canary !== null && armOf(stickyKey, canary.adapter, canary.share) === 'canary') {
      return this.routeTo(served, canary.adapter, 'canary');
    }
    return this.routeTo(served, stable, 'stable');
  }

  /** Makes a version the tenant's stable one, once it is in the engine. Throws as resolve does for a pin, version_invalid. */
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
      if (end === 'promote') await this.refuseUndone(aliases, adapter);
      const next = concluded(aliases, adapter, { end, at });
      isDone = next !== aliases;
      return next;
    };
    if (concluded(before, adapter, { end, at }) !== before) await this.move(model, tenant, move, base);
    return isDone;
  }

  async setPaused(paused: boolean): Promise<void> {
    await this.change((aliases) => ({ ...aliases, paused }));
  }

  /** No version that has learned one of the rows is served any more; what is merged into the base is not looked at. */
  async undo(model: string, tenant: string, rows: readonly string[]): Promise<TenantAliases> {
    return this.watched({ model, tenant, verb: 'undo', adapter: null }, () =>
      this.move(model, tenant, async (aliases) => {
        const clean = await this.withoutRows(aliases, rows);
        if (clean.stable !== aliases.stable) await this.ready(model, tenant, clean.stable);
        return clean;
      }),
    );
  }

  /** Whether a version is of the base, has learned nothing that was undone, and builds on nothing that was taken back. */
  async isWanted(model: string, tenant: string, adapter: string): Promise<boolean> {
    const { rolledBack: takenBack, undone: rows } = this.of(model, tenant);
    const unwanted = new Set([...takenBack, ...rows]);
    const chain = await chainOf(this.options.layout.adapters, adapter);
    if (chain[0]!.base !== this.baseOf(model)) return false;
    return !chain.some(({ id, rows: own }) => unwanted.has(id) || own.some((row) => unwanted.has(row)));
  }

  private async withoutUndone(tenants: Tenants): Promise<Tenants> {
    const clean: Record<string, TenantAliases> = {};
    for (const [tenant, aliases] of Object.entries(tenants))
      clean[tenant] = await this.withoutRows(aliases, aliases.undone);
    return clean;
  }

  private async withoutRows(aliases: TenantAliases, rows: readonly string[]): Promise<TenantAliases> {
    if (rows.length === 0) return aliases;
    const { adapters } = this.options.layout;
    const doomed = new Set(rows);
    const hasDoomed = (manifest: AdapterManifest): boolean => manifest.rows.some((row) => doomed.has(row));
    const { stable, canary, shadow, previous } = aliases;
    const dirty = new Set<string>();
    let clean: string | null = null;
    for (const id of new Set([stable, canary?.adapter ?? null, shadow, ...previous])) {
      // What cannot be read counts as if it were in it.
      const chain = await chainOf(adapters, id).catch(() => null);
      if (id !== null && (chain === null || chain.some(hasDoomed))) dirty.add(id);
      if (id === stable) clean = cleanAncestor(chain ?? [], hasDoomed);
    }
    return undone(aliases, rows, { stable: clean, isDirty: (id) => dirty.has(id) });
  }

  /** An undo may have come while the version was made ready. Throws version_not_found. */
  private async refuseUndone({ undone: rows }: TenantAliases, adapter: string | null): Promise<void> {
    if (rows.length === 0 || adapter === null) return;
    const doomed = new Set(rows);
    const chain = await chainOf(this.options.layout.adapters, adapter);
    if (chain.some((manifest) => manifest.rows.some((row) => doomed.has(row)))) throw notFound(adapter);
  }

  private routeTo(
    { model, residents }: Served,
    adapter: string | null,
    arm: Arm | null,
  ): Promise<Route> | Route {
    const route = { adapter, version: versionId(model.shortBase, adapter, null), arm };
    return adapter === null ? route : residents.use(adapter).then(() => route);
  }

  /** Returns the base within which it is ready. */
  private async ready(model: string, tenant: string, adapter: string | null): Promise<string> {
    const served = this.models.get(model);
    if (served === undefined) throw new MillraceError('version_not_found', { version: String(adapter) });
    if (adapter !== null) {
      await this.checkOwner(served, tenant, adapter);
      await served.residents.use(adapter);
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
    const base = await this.ready(model, tenant, adapter);
    const move: Move = async (aliases) => {
      await this.refuseUndone(aliases, adapter);
      return change(aliases);
    };
    return this.move(model, tenant, move, base);
  }

  /** Within `base`, where it is given: nothing that was made ready for one base becomes an alias on another. */
  private async move(model: string, tenant: string, move: Move, base?: string): Promise<TenantAliases> {
    await this.change(async (aliases) => {
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

  /** `onDone` is called in the moment from which on the change counts. */
  private change(
    change: (aliases: Aliases) => Aliases | Promise<Aliases>,
    onDone: () => void = () => {},
  ): Promise<void> {
    const changed = this.moving.then(async () => {
      const next = await change(this.aliases);
      if (next !== this.aliases) {
        const counted = { ...next, revision: this.aliases.revision + 1 };
        await writeAliases(this.options.layout.aliases, counted);
        this.aliases = counted;
      }
      onDone();
    });
    this.moving = changed.catch(() => {});
    return changed;
  }
}

const preloaded = 8;

/** The newest tenants' versions are there at once, the others when they are asked for. */
async function preload(residents: Residents, tenants: Tenants): Promise<void> {
  for (const { stable } of Object.values(tenants).slice(-preloaded))
    if (stable !== null) await residents.use(stable).catch(() => {});
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
