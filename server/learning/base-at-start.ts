/** Which base version a server begins with: the one that it served last, unless there is a reason against it. */
import { type Aliases, aliasesOf, servedBase } from '../../core/registry/aliases.ts';
import type { Bases } from './bases.ts';

export interface BaseAtStart {
  /** Digest; null is the imported one. */
  readonly version: string | null;
  /** Why it is not the one that was served last. */
  readonly warning: string | null;
}

/** Looks at what lies on the disk, and opens nothing. */
export async function baseAtStart(aliases: Aliases, model: string, bases: Bases): Promise<BaseAtStart> {
  const last = servedBase(aliases, model);
  const found = (await bases.list(model)).find(({ manifest }) => manifest.version === last);
  if (last === null || found?.isImported) return { version: null, warning: null };
  const undoneOf = (tenant: string) => aliasesOf(aliases, model, tenant).undone;
  const objection = found === undefined ? 'it is gone' : await bases.objectionTo(found.manifest, undoneOf);
  if (objection === null) return { version: last, warning: null };
  return { version: null, warning: `${model}: the imported base is served and not ${last}: ${objection}` };
}
