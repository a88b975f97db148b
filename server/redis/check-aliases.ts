/** Which document is refused, and how one is written. */
import { MillraceError } from '../../core/errors.ts';
import { invariant } from '../../core/invariant.ts';
import type { Aliases } from '../../core/registry/aliases.ts';
import { maxAliasesBytes, type Replacing } from '../cluster/shared-aliases.ts';

/** Throws invalid_argument for one that is too large. */
export function aliasesText(
  next: Aliases,
  { expectedRevision }: Pick<Replacing, 'expectedRevision'>,
): string {
  invariant(next.revision > expectedRevision, 'revisions of the aliases only grow');
  const text = JSON.stringify(next);
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxAliasesBytes) return text;
  const message = `The aliases of all tenants would take ${bytes} bytes, at most ${maxAliasesBytes}. Take tenants off that are not served any more.`;
  throw new MillraceError('invalid_argument', { message });
}
