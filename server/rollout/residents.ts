/** The adapters that are in an engine: loaded when they are first needed, the longest unused dropped for new ones. */
import { join } from 'node:path';
import { servedFile } from '../../core/adapter/served.ts';
import { openAdapter } from '../../core/registry/adapter-store.ts';
import type { AdapterSource, InferenceEngine } from '../batching/engine.ts';

type Engine = Pick<InferenceEngine, 'loadAdapter' | 'dropAdapter'>;

export interface ResidentsOptions {
  readonly engine: Engine;
  /** Folder of adapter versions. */
  readonly folder: string;
  /** Sum of the ranks that the engine has room for. */
  readonly maxRows: number;
}

interface Resident {
  readonly rank: number;
  readonly ready: Promise<void>;
}

export class Residents {
  private readonly options: ResidentsOptions;
  /** In order of use, the latest last. */
  private readonly residents = new Map<string, Resident>();

  constructor(options: ResidentsOptions) {
    this.options = options;
  }

  has(id: string): boolean {
    return this.residents.has(id);
  }

  /** Resolves when the adapter is in the engine. Throws version_not_found, version_invalid, engine_internal. */
  async use(id: string): Promise<void> {
    const known = this.residents.get(id);
    if (known !== undefined) {
      this.residents.delete(id);
      this.residents.set(id, known);
      return known.ready;
    }
    const { folder } = this.options;
    const manifest = await openAdapter(folder, id);
    const again = this.residents.get(id);
    if (again !== undefined) return again.ready;
    const file = manifest.files.find(({ path }) => path === servedFile);
    if (file === undefined) throw new Error(`the version ${id} has no ${servedFile}`);
    this.makeRoom(manifest.shape.rank);
    const ready = this.load({ id, path: join(folder, id, servedFile), sha256: file.sha256 });
    this.residents.set(id, { rank: manifest.shape.rank, ready });
    ready.catch(() => this.residents.delete(id));
    return ready;
  }

  /** A dropped adapter's room is free once its last sequence has ended: until then loading is refused, and tried again. */
  private async load(source: AdapterSource): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.options.engine.loadAdapter(source);
      } catch (error) {
        if (attempt === maxAttempts || !/no room/.test(String(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  private makeRoom(rank: number): void {
    let rows = [...this.residents.values()].reduce((sum, resident) => sum + resident.rank, rank);
    for (const [id, resident] of this.residents) {
      if (rows <= this.options.maxRows) return;
      this.residents.delete(id);
      this.options.engine.dropAdapter(id);
      rows -= resident.rank;
    }
  }
}

const maxAttempts = 50;
const retryMs = 100;
