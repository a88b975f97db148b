/**
 * The adapters that are in an engine. One that a request is answered with stays; of the others the longest unused makes room
 * for one that is needed. Where all are in use, who needs another one waits in line, for a bounded time.
 */
import { join } from 'node:path';
import { servedFile } from '../../core/adapter/served.ts';
import { MillraceError } from '../../core/errors.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { openAdapter } from '../../core/registry/adapter-store.ts';
import { Turns } from '../../core/turns.ts';
import { within } from '../../core/within.ts';
import { type InferenceEngine, NoAdapterRoomError } from '../batching/engine.ts';

type Engine = Pick<InferenceEngine, 'loadAdapter' | 'dropAdapter'>;

export interface ResidentsOptions {
  readonly engine: Engine;
  /** Folder of adapter versions. */
  readonly folder: string;
  /** Sum of the ranks that the engine has room for. */
  readonly maxRows: number;
  /** For an adapter to come into the engine. */
  readonly maxWaitMs?: number;
}

interface Resident {
  readonly manifest: AdapterManifest;
  /** Of whom it has to stay for. */
  numUses: number;
  /** Others wait for its room: who comes now waits behind them. */
  isLeaving: boolean;
}

/** One that is not in the engine, or about to leave. */
interface Awaited {
  numUses: number;
  readonly ready: Promise<Resident>;
}

const defaultMaxWaitMs = 10_000;
/** The rows of sequences that were cut off just now are free after a step. */
const retryMs = 50;
const retryAfterMs = 1_000;

export class Residents {
  private readonly options: ResidentsOptions;
  /** In order of use, the latest last. */
  private readonly residents = new Map<string, Resident>();
  private readonly awaited = new Map<string, Awaited>();
  private readonly line = new Turns();
  private onUnused: () => void = () => {};

  constructor(options: ResidentsOptions) {
    this.options = options;
  }

  /** Of a version that is in the engine; else null. */
  manifestOf(id: string): AdapterManifest | null {
    return this.residents.get(id)?.manifest ?? null;
  }

  /**
   * Settles as `work` does, before whose end the adapter does not leave the engine. Throws version_not_found, version_invalid,
   * adapters_busy when too little room comes free in time, engine_unavailable when loading takes too long, engine_internal.
   */
  async during<T>(id: string, work: () => T | Promise<T>): Promise<T> {
    const resident = await this.take(id);
    try {
      return await work();
    } finally {
      resident.numUses--;
      if (resident.numUses === 0) this.onUnused();
    }
  }

  private async take(id: string): Promise<Resident> {
    const resident = this.residents.get(id);
    if (resident === undefined || resident.isLeaving) {
      const awaited = this.awaited.get(id) ?? this.bring(id);
      awaited.numUses++;
      return awaited.ready;
    }
    resident.numUses++;
    return this.touch(resident);
  }

  private bring(id: string): Awaited {
    const { folder, maxWaitMs = defaultMaxWaitMs } = this.options;
    const untilMs = performance.now() + maxWaitMs;
    const ready = openAdapter(folder, id).then((manifest) =>
      this.line.run(() => this.enter(manifest, awaited, untilMs)),
    );
    const awaited: Awaited = { numUses: 0, ready };
    this.awaited.set(id, awaited);
    ready.catch(() => this.awaited.delete(id));
    return awaited;
  }

  /** Counts in the same moment for all who have waited, so that it does not go before it was used. */
  private async enter(manifest: AdapterManifest, awaited: Awaited, untilMs: number): Promise<Resident> {
    const { id } = manifest;
    if (!this.residents.has(id)) {
      await this.load(manifest, untilMs);
      this.residents.set(id, { manifest, numUses: 0, isLeaving: false });
    }
    const resident = this.residents.get(id)!;
    resident.numUses += awaited.numUses;
    this.awaited.delete(id);
    return this.touch(resident);
  }

  private touch(resident: Resident): Resident {
    const { id } = resident.manifest;
    this.residents.delete(id);
    this.residents.set(id, resident);
    return resident;
  }

  private async load(manifest: AdapterManifest, untilMs: number): Promise<void> {
    const { maxRows } = this.options;
    const { id, files, shape } = manifest;
    const file = files.find(({ path }) => path === servedFile);
    if (file === undefined) throw invalid(id, `it has no ${servedFile}`);
    if (shape.rank > maxRows)
      throw invalid(id, `its rank is ${shape.rank}, and engine.maxAdapterRows is ${maxRows}`);
    let rows = shape.rank;
    try {
      while (!(this.makeRoom(rows) && (await this.isLoaded(id, file.sha256, untilMs)))) {
        if (performance.now() >= untilMs) throw new MillraceError('adapters_busy', { maxRows, retryAfterMs });
        // Ranks differ, so that what is free may be in pieces that are too small: then one more has to go.
        if (this.numFree() >= rows) rows = Math.min(maxRows, this.numFree() + 1);
        await this.somethingUnused(Math.min(retryMs, untilMs - performance.now()));
      }
    } finally {
      for (const resident of this.residents.values()) resident.isLeaving = false;
    }
  }

  /** False when the engine has no room. */
  private async isLoaded(id: string, sha256: string, untilMs: number): Promise<boolean> {
    const { engine, folder } = this.options;
    const loading = engine.loadAdapter({ id, path: join(folder, id, servedFile), sha256 });
    try {
      await within(Math.max(1, untilMs - performance.now()), undefined, () => loading);
      return true;
    } catch (error) {
      if (error instanceof NoAdapterRoomError) return false;
      // One that comes too late takes no room.
      const unload = (): void => {
        if (!this.residents.has(id) && !this.awaited.has(id)) engine.dropAdapter(id);
      };
      loading.then(unload, () => {});
      throw error;
    }
  }

  /** Whether so many rows are free, which those that are in use are about to be otherwise. */
  private makeRoom(rows: number): boolean {
    for (const [id, { numUses }] of this.residents) {
      if (this.numFree() >= rows) break;
      if (numUses > 0) continue;
      this.residents.delete(id);
      this.options.engine.dropAdapter(id);
    }
    let numLeaving = this.numFree();
    for (const resident of this.residents.values()) {
      if (numLeaving >= rows) break;
      resident.isLeaving = true;
      numLeaving += resident.manifest.shape.rank;
    }
    return this.numFree() >= rows;
  }

  private numFree(): number {
    const ranks = [...this.residents.values()].map(({ manifest }) => manifest.shape.rank);
    return this.options.maxRows - ranks.reduce((sum, rank) => sum + rank, 0);
  }

  private somethingUnused(maxMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, maxMs);
      this.onUnused = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const invalid = (path: string, reason: string): MillraceError =>
  new MillraceError('version_invalid', { path, reason });
