/** What a version of an adapter says of itself: its files, what it was made from, how, and why it was let through. */
import { createHash } from 'node:crypto';
import { type LoraShape, loraTargets } from '../adapter/lora.ts';
import { fieldsOf, isCount, isNumber, isText, isTime, listOf, maybe, misshapen, oneOf } from '../shape.ts';
import { type Gate, isGate } from './gate-record.ts';
import { type FileEntry, isFileEntry, versionOf } from './manifest.ts';

export const adapterFormat = 1;

export type { Gate, GateCheck, GateVerdict } from './gate-record.ts';

export interface AdapterLineage {
  readonly model: string;
  /** Whose data it was made from; it serves nobody else. */
  readonly tenant: string;
  /** Digest of the base version, "sha256:…". */
  readonly base: string;
  /** The adapter version that training started from; null is the base alone. */
  readonly parent: string | null;
  /** Rows of feedback that this version learned, its ancestors' not among them. */
  readonly rows: readonly string[];
  /** "feedback", "job", "import", "rebuild", and what it takes to do it again. */
  readonly recipe: Readonly<Record<string, string | number | boolean | null>> & { readonly kind: string };
  readonly shape: LoraShape;
  readonly gate: Gate | null;
}

export interface AdapterManifest extends AdapterLineage {
  readonly format: typeof adapterFormat;
  /** First twelve digits of a digest over files and origin: also the folder's name. */
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly files: readonly FileEntry[];
}

export const isAdapterId = (id: string): boolean => /^[0-9a-f]{12}$/.test(id);

/** Equal files are one version only where they are for the same tenant of the same base, and built on the same parent. */
export function adapterIdOf(
  files: readonly FileEntry[],
  { model, tenant, base, parent }: Pick<AdapterLineage, 'model' | 'tenant' | 'base' | 'parent'>,
): string {
  const lines = [versionOf(files), model, tenant, base, parent ?? ''].join('\n');
  return createHash('sha256').update(lines).digest('hex').slice(0, 12);
}

/** All that is not looked at more closely. */
const otherFields = {
  createdAt: isTime,
  model: isText,
  tenant: isText,
  base: isText,
  parent: maybe((value) => typeof value === 'string' && isAdapterId(value)),
  rows: listOf(isText),
  recipe: fieldsOf({ kind: isText }),
  shape: fieldsOf({
    rank: isCount,
    alpha: isNumber,
    firstLayer: isCount,
    targets: listOf(oneOf(...loraTargets), loraTargets.length),
  }),
  gate: maybe(isGate),
};

/** A manifest out of JSON text, or the reason why it is none. */
export function parseAdapterManifest(text: string): AdapterManifest | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: 'its manifest is not JSON' };
  }
  if (typeof json !== 'object' || json === null) return { problem: 'its manifest is not an object' };
  const { format, id, files } = json as Readonly<Record<string, unknown>>;
  if (format !== adapterFormat)
    return { problem: `its format is ${String(format)}, this program reads ${adapterFormat}` };
  if (!Array.isArray(files) || files.length === 0 || files.length > 16 || !files.every(isFileEntry))
    return { problem: 'its list of files is malformed' };
  const [wrong] = misshapen(json, otherFields);
  if (wrong !== undefined) return { problem: `its "${wrong}" is missing or malformed` };
  if (id !== adapterIdOf(files, json as AdapterManifest))
    return { problem: 'its id is not the digest of its files and its origin' };
  return json as AdapterManifest;
}
