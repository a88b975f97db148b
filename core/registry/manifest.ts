/** What a model version says of itself: its files with digests, where it came from, how it was made. */
import { createHash } from 'node:crypto';
import type { ModelConfig } from '../arch/config.ts';
import { fieldsOf, isText, isTime, listOf, maybe, misshapen, oneOf } from '../shape.ts';
import { type Gate, isGate } from './gate-record.ts';

export const manifestFile = 'manifest.json';
export const manifestFormat = 1;

export interface FileEntry {
  /** Plain file name; a version has no subfolders. */
  readonly path: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface MergedAdapter {
  readonly adapter: string;
  /** Whose data it was made from: what it was merged into serves nobody else. */
  readonly tenant: string;
}

/** What the importer knows; the registry adds the rest. */
export interface Lineage {
  readonly source: {
    readonly format: 'gguf' | 'hugging-face';
    readonly name: string;
    /** Where the checkpoint lay on this machine; training reads it again. */
    readonly path?: string;
    /** Adapters that a consolidation merged into the checkpoint's weights, in this order; see source-checkpoint.ts. */
    readonly merged?: readonly MergedAdapter[];
  };
  readonly kind: ModelConfig['kind'];
  readonly architecture: ModelConfig['family'];
  readonly quantization: string;
  /** Of a consolidated version: why it was let through. */
  readonly gate?: Gate;
}

export interface Manifest extends Lineage {
  readonly format: typeof manifestFormat;
  readonly name: string;
  /** "sha256:" and the digest of the file list: equal content has an equal version, wherever it lies. */
  readonly version: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly files: readonly FileEntry[];
}

/** Names that clients use and folders have: nothing that could leave the models folder or hide in it. */
export const isVersionName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9._-]{0,63}$/i.test(name) && name !== 'checkpoints';

/**
 * Folder of a base version that lies beside the one under the model's name: "<name>@<12 digits>". No name that clients use
 * has such a form, so that it is found by name and version together, and listed nowhere.
 */
export const baseFolderName = (name: string, version: string): string =>
  `${name}@${version.slice('sha256:'.length, 'sha256:'.length + 12)}`;

export const isVersionId = (version: string): boolean => /^sha256:[0-9a-f]{64}$/.test(version);

/** The id of a list of files, in whatever order it comes. */
export function versionOf(files: readonly FileEntry[]): string {
  const lines = files.map(({ path, bytes, sha256 }) => `${path} ${bytes} ${sha256}\n`).sort();
  return `sha256:${createHash('sha256').update(lines.join('')).digest('hex')}`;
}

export function isFileEntry(value: unknown): value is FileEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { path, bytes, sha256 } = value as Readonly<Record<string, unknown>>;
  const isName = typeof path === 'string' && /^[\w][\w.-]{0,127}$/.test(path) && path !== manifestFile;
  return (
    isName &&
    Number.isSafeInteger(bytes) &&
    Number(bytes) >= 0 &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  );
}

const maxFiles = 1_000;

/** All that is not looked at more closely. */
const otherFields = {
  createdAt: isTime,
  architecture: isText,
  quantization: isText,
  source: fieldsOf({
    format: oneOf('gguf', 'hugging-face'),
    name: isText,
    path: maybe(isText),
    merged: maybe(listOf(fieldsOf({ adapter: isText, tenant: isText }), 10_000)),
  }),
  gate: maybe(isGate),
};

/** A manifest out of JSON text, or the reason why it is none. */
export function parseManifest(text: string): Manifest | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: `${manifestFile} is not JSON` };
  }
  if (typeof json !== 'object' || json === null) return { problem: `${manifestFile} is not an object` };
  const { format, name, version, files, kind } = json as Readonly<Record<string, unknown>>;
  if (format !== manifestFormat)
    return { problem: `its format is ${String(format)}, this program reads ${manifestFormat}` };
  if (typeof name !== 'string' || !isVersionName(name)) return { problem: 'its name is not allowed' };
  if (kind !== 'decoder' && kind !== 'encoder') return { problem: 'its kind is neither decoder nor encoder' };
  const [wrong] = misshapen(json, otherFields);
  if (wrong !== undefined) return { problem: `its "${wrong}" is missing or malformed` };
  if (!Array.isArray(files) || files.length === 0 || files.length > maxFiles || !files.every(isFileEntry))
    return { problem: 'its list of files is malformed' };
  if (new Set(files.map(({ path }) => path)).size !== files.length)
    return { problem: 'it lists a file twice' };
  if (version !== versionOf(files)) return { problem: 'its version is not the digest of its files' };
  return json as Manifest;
}
