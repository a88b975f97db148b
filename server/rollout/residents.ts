/** The adapters that are in an engine: loaded when they are first needed, the longest unused dropped for new ones. */
import { join } from 'node:path';
import { servedFile } from '../../core/adapter/served.ts';
import type { AdapterManifest } from '../../core/registry/adapter-manifest.ts';
import { openAdapter } from '../../core/registry/adapter-store.ts';
import type { InferenceEngine } from '../batching/engine.ts';

type Engine = Pick<InferenceEngine, 'loadAdapter' | 'dropAdapter'>;

export interface ResidentsOptions {
  readonly engine: Engine;
  /** Folder of adapter versions. */
  readonly folder: string;
  /** Sum of the ranks that the engine has room for. */
  readonly maxRows: number;
}

interface Resident {
  /** Null until it was read. */
  manifest: AdapterManifest | null;
  isLoaded: boolean;
  readonly ready: Promise<void>;
}

export class Residents {
  private readonly options: ResidentsOptions;
  /** In order of use, the latest last. */
  private readonly residents = new Map<string, Resident>();

  constructor(options: ResidentsOptions) {
    this.options = options;
  }

  /** Of a version that is in the engine, or on its way; else null. */
  manifestOf(id: string): AdapterManifest | null {
    return this.residents.get(id)?.manifest ?? null;
  }

  /** Resolves when the adapter is in the engine. Throws version_not_found, version_invalid, engine_internal. */
  use(id: string): Promise<void> {
    const resident = this.residents.get(id) ?? this.begin(id);
    this.residents.delete(id);
    this.residents.set(id, resident);
    return resident.ready;
  }

  private begin(id: string): Resident {
    const ready = openAdapter(this.options.folder, id).then((manifest) => this.load(resident, manifest));
    const resident: Resident = { manifest: null, isLoaded: false, ready };
    ready.catch(() => {
      if (this.residents.get(id) === resident) this.residents.delete(id);
    });
    return resident;
  }

  /** A dropped adapter's room is free once its last sequence has ended: until then loading is refused, and tried again. */
  private async load(resident: Resident, manifest: AdapterManifest): Promise<void> {
    const { folder, engine } = this.options;
    const { id, files } = manifest;
    const file = files.find(({ path }) => path === servedFile);
    if (file === undefined) throw new Error(`the version ${id} has no ${servedFile}`);
    resident.manifest = manifest;
    for (let attempt = 1; !resident.isLoaded; attempt++) {
      this.makeRoom();
      try {
        await engine.loadAdapter({ id, path: join(folder, id, servedFile), sha256: file.sha256 });
        resident.isLoaded = true;
      } catch (error) {
        if (attempt === maxAttempts || !/no room/.test(String(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  /** What is on its way is waited for by somebody, and stays. */
  private makeRoom(): void {
    const rankOf = ({ manifest }: Resident): number => manifest?.shape.rank ?? 0;
    let rows = [...this.residents.values()].reduce((sum, resident) => sum + rankOf(resident), 0);
    for (const [id, resident] of this.residents) {
      if (rows <= this.options.maxRows) return;
      if (!resident.isLoaded) continue;
      this.residents.delete(id);
      this.options.engine.dropAdapter(id);
      rows -= rankOf(resident);
    }
  }
}

const maxAttempts = 50;
const retryMs = 100;
