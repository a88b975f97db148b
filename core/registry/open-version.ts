/**
 * Opens a version folder for use: every file is what the manifest says, and nothing in it points elsewhere.
 * The runtime reads no file that was not checked here (it would follow a hard link out of the folder).
 */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../errors.ts';
import { checkModel } from '../onnx/check-model.ts';
import { sha256OfFile } from './digest.ts';
import {
  baseFolderName,
  type FileEntry,
  isVersionId,
  isVersionName,
  type Manifest,
  manifestFile,
  parseManifest,
} from './manifest.ts';

export interface Version {
  readonly folder: string;
  readonly manifest: Manifest;
}

const maxManifestBytes = 2 ** 20;
/** Weights lie outside; what is left is a description. */
const maxGraphBytes = 2 ** 28;

function refuse(path: string, reason: string): never {
  throw new MillraceError('version_invalid', { path, reason });
}

/** A regular file with one name, and its size; refuses links of both kinds. */
async function plainSize(folder: string, path: string): Promise<number> {
  const found = await lstat(join(folder, path)).catch(() => refuse(folder, `${path} is missing`));
  if (!found.isFile()) refuse(folder, `${path} is not a regular file`);
  if (found.nlink !== 1) refuse(folder, `${path} has other names on this disk (hard links)`);
  return found.size;
}

/** What a version folder says of itself, its files unread. Throws version_invalid. */
export async function readManifest(folder: string): Promise<Manifest> {
  if ((await plainSize(folder, manifestFile)) > maxManifestBytes)
    refuse(folder, `${manifestFile} is too large`);
  const parsed = parseManifest(await readFile(join(folder, manifestFile), 'utf8'));
  return 'problem' in parsed ? refuse(folder, parsed.problem) : parsed;
}

/** Throws version_invalid for a file that is not what the manifest says, or has other names. */
export async function checkFile(folder: string, { path, bytes, sha256 }: FileEntry): Promise<void> {
  const size = await plainSize(folder, path);
  if (size !== bytes) refuse(folder, `${path} has ${size} bytes, the manifest says ${bytes}`);
  if ((await sha256OfFile(join(folder, path))) !== sha256)
    refuse(folder, `the SHA-256 of ${path} is not the manifest's`);
}

/** A manifest proves that nothing was changed since it was written, not that who wrote it meant well. */
async function checkGraphFile(
  folder: string,
  { path, bytes }: FileEntry,
  { files }: Manifest,
): Promise<void> {
  const dataFiles = new Map(
    files.filter((file) => file.path.endsWith('.bin')).map((file) => [file.path, file.bytes]),
  );
  if (bytes > maxGraphBytes) refuse(folder, `${path} is too large`);
  try {
    checkModel(await readFile(join(folder, path)), { dataFiles });
  } catch (error) {
    refuse(folder, `${path} cannot be used: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * The verified version of that name: the one that was imported under it or, given an id ("sha256:…"), the base version of
 * this id, wherever it lies. Throws model_not_found, version_not_found or version_invalid.
 */
export async function openVersion(modelsDir: string, name: string, id?: string): Promise<Version> {
  const folder =
    id === undefined ? await namedFolder(modelsDir, name) : await baseFolder(modelsDir, name, id);
  if (!(await lstat(folder)).isDirectory()) refuse(folder, 'it is not a directory');
  const manifest = await readManifest(folder);
  if (id !== undefined && manifest.version !== id) refuse(folder, `its version is ${manifest.version}`);
  const listed = new Set([manifestFile, ...manifest.files.map(({ path }) => path)]);
  const stranger = (await readdir(folder)).find((path) => !listed.has(path));
  if (stranger !== undefined) refuse(folder, `${stranger} is not in the manifest`);
  for (const file of manifest.files) await checkFile(folder, file);
  for (const file of manifest.files)
    if (file.path.endsWith('.onnx')) await checkGraphFile(folder, file, manifest);
  return { folder, manifest };
}

async function namedFolder(modelsDir: string, name: string): Promise<string> {
  const names = await listVersions(modelsDir);
  if (names.includes(name)) return join(modelsDir, name);
  const available = names.length === 0 ? 'none yet' : names.join(', ');
  throw new MillraceError('model_not_found', { model: name, available });
}

/** Where the base version of that id lies, its files unread. Throws version_not_found. */
export async function baseFolder(modelsDir: string, name: string, id: string): Promise<string> {
  const missing = (): never => {
    throw new MillraceError('version_not_found', { version: `${name} ${id}` });
  };
  if (!isVersionName(name) || !isVersionId(id)) missing();
  const consolidated = join(modelsDir, baseFolderName(name, id));
  if (await hasManifest(consolidated)) return consolidated;
  const imported = join(modelsDir, name);
  if (!(await hasManifest(imported)) || (await readManifest(imported)).version !== id) missing();
  return imported;
}

const hasManifest = (folder: string): Promise<boolean> =>
  lstat(join(folder, manifestFile)).then(
    () => true,
    () => false,
  );

/** Names of the versions in a models folder, sorted; one that does not exist has none. */
export async function listVersions(modelsDir: string): Promise<string[]> {
  const names = await readdir(modelsDir).catch((): string[] => []);
  const found = await Promise.all(
    names
      .filter(isVersionName)
      .map(async (name) => ((await hasManifest(join(modelsDir, name))) ? [name] : [])),
  );
  return found.flat().sort();
}
