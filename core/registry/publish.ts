/**
 * Makes a version folder appear whole or not at all: written aside, digested, synced, then renamed.
 * A version of the same name is replaced in one step for those who look by name.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../errors.ts';
import { sync } from '../sync.ts';
import { sha256OfFile } from './digest.ts';
import {
  type FileEntry,
  isVersionName,
  type Lineage,
  type Manifest,
  manifestFile,
  manifestFormat,
  versionOf,
} from './manifest.ts';

export interface PublishOptions {
  readonly modelsDir: string;
  readonly name: string;
  readonly now: () => Date;
  /** Fills the empty folder with the version's files. */
  readonly write: (folder: string) => Promise<Lineage>;
}

/** Files of a folder with their digests, each synced. */
export async function listFiles(folder: string): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  for (const path of (await readdir(folder)).sort()) {
    const file = join(folder, path);
    entries.push({ path, bytes: (await stat(file)).size, sha256: await sha256OfFile(file) });
    await sync(file);
  }
  return entries;
}

/** Moves `from` to `to`; what was there before is out of the way first and deleted after. */
async function replace(from: string, to: string): Promise<void> {
  const old = `${from}-old`;
  await rm(old, { recursive: true, force: true });
  const hadOld = await rename(to, old).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return false;
    },
  );
  try {
    await rename(from, to);
  } catch (error) {
    if (hadOld) await rename(old, to);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

/** Digests and syncs what was written into the folder, and describes it there. */
export async function describe(
  folder: string,
  lineage: Lineage,
  { name, now }: Pick<PublishOptions, 'name' | 'now'>,
): Promise<Manifest> {
  const files = await listFiles(folder);
  const createdAt = now().toISOString();
  const version = versionOf(files);
  const manifest: Manifest = { format: manifestFormat, name, version, createdAt, ...lineage, files };
  await writeFile(join(folder, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
  await sync(folder);
  return manifest;
}

/** Returns the manifest of what now lies at `<modelsDir>/<name>`. Throws invalid_argument for a name that is not allowed. */
export async function publishVersion(options: PublishOptions): Promise<Manifest> {
  const { modelsDir, name } = options;
  if (!isVersionName(name)) {
    const message = `"${name}" cannot be a model name: letters, digits, ".", "_" and "-" only, at most 64.`;
    throw new MillraceError('invalid_argument', { message });
  }
  const folder = join(modelsDir, `.importing-${name}-${process.pid}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    const manifest = await describe(folder, await options.write(folder), options);
    await replace(folder, join(modelsDir, name));
    await sync(modelsDir);
    return manifest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
