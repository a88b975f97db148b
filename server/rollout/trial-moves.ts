/** What the end of a version's trial does to the aliases. Pure. */
import type { TenantAliases } from '../../core/registry/aliases.ts';
import { promoted, rolledBack } from './alias-moves.ts';

/** A canary is promoted, dropped with nothing said against it, or taken back; a stable version can be taken back. */
export type TrialEnd = 'promote' | 'drop' | 'take-back';

/** The same object when the version is no longer what the end is for: somebody else has moved on. */
export function concluded(
  aliases: TenantAliases,
  adapter: string,
  { end, at }: { readonly end: TrialEnd /** ISO 8601. */; readonly at: string },
): TenantAliases {
  const { canary, stable, pinned } = aliases;
  if (canary?.adapter === adapter) {
    if (end === 'promote') return promoted(aliases, adapter, { at, pinned });
    return end === 'drop' ? { ...aliases, canary: null } : (rolledBack(aliases) ?? aliases);
  }
  if (end !== 'take-back' || stable !== adapter) return aliases;
  const back = rolledBack({ ...aliases, canary: null });
  return back === null ? aliases : { ...back, canary };
}
