/** Which version is meant, where replicas give each other their files, and under which path it is asked for. */
import { isAdapterId } from '../../core/registry/adapter-manifest.ts';
import { isVersionId, isVersionName } from '../../core/registry/manifest.ts';

export type VersionRef =
  | { readonly kind: 'adapter'; readonly id: string }
  /** `version` is a digest, "sha256:…". */
  | { readonly kind: 'base'; readonly model: string; readonly version: string };

const fileName = /^\w[\w.-]{0,127}$/;
const prefix = 'versions';

/** "versions/adapters/<id>", "versions/bases/<model>/<64 digits>": also how it is named in a bucket. */
export const pathOf = (ref: VersionRef): string =>
  ref.kind === 'adapter'
    ? `${prefix}/adapters/${ref.id}`
    : `${prefix}/bases/${ref.model}/${ref.version.replace('sha256:', '')}`;

/** What problems and logs say. */
export const nameOf = (ref: VersionRef): string =>
  ref.kind === 'adapter' ? `the adapter ${ref.id}` : `the base ${ref.model} ${ref.version}`;

/** A path as a request line has it, "/versions/adapters/<id>/<file>"; null for every other one. Nothing is decoded. */
export function parsePath(path: string): { readonly ref: VersionRef; readonly file: string } | null {
  const parts = path.split('/');
  const file = parts.at(-1)!;
  if (parts[0] !== '' || parts[1] !== prefix || !fileName.test(file)) return null;
  const ref = refOf(parts.slice(2, -1));
  return ref === null ? null : { ref, file };
}

function refOf([kind, ...rest]: readonly string[]): VersionRef | null {
  const [first = '', second = ''] = rest;
  if (kind === 'adapters')
    return rest.length === 1 && isAdapterId(first) ? { kind: 'adapter', id: first } : null;
  const version = `sha256:${second}`;
  const isBase = kind === 'bases' && rest.length === 2 && isVersionName(first) && isVersionId(version);
  return isBase ? { kind: 'base', model: first, version } : null;
}
