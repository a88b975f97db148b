/** States of trials on disk, a file for each tenant of a model, replaced whole. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../core/replace-file.ts';

const suffix = '.json';

/** Whatever a tenant is called, its file lies in the folder. */
const fileName = (name: string): string => encodeURIComponent(name).replaceAll('.', '%2E');

export class TrialStore {
  private readonly folder: string;
  private readonly onProblem: (message: string) => void;

  constructor(folder: string, onProblem: (message: string) => void) {
    this.folder = folder;
    this.onProblem = onProblem;
  }

  /** By tenant. What cannot be read is left out, and told. */
  async load(model: string): Promise<ReadonlyMap<string, unknown>> {
    const folder = join(this.folder, fileName(model));
    await mkdir(folder, { recursive: true });
    const states = new Map<string, unknown>();
    for (const name of await readdir(folder)) {
      if (!name.endsWith(suffix)) continue;
      try {
        const tenant = decodeURIComponent(name.slice(0, -suffix.length));
        states.set(tenant, JSON.parse(await readFile(join(folder, name), 'utf8')));
      } catch (error) {
        this.onProblem(`trials of ${model}: ${name} is unusable and begins anew: ${String(error)}`);
      }
    }
    return states;
  }

  async save(model: string, tenant: string, state: object): Promise<void> {
    const path = join(this.folder, fileName(model), `${fileName(tenant)}${suffix}`);
    await replaceFile(path, JSON.stringify(state));
  }
}
