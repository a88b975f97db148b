/** What moves do to a tenant's aliases. Pure; adapters are named by id, null is the base alone. */
import {
  aliasLimits,
  type ModelAliases,
  maxEarlierBases,
  noTenantAliases,
  type TenantAliases,
} from '../../core/registry/aliases.ts';

export function promoted(
  aliases: TenantAliases,
  adapter: string | null,
  options: { readonly at: string; readonly pinned: boolean },
): TenantAliases {
  const { stable, previous, servedSince, rolledBack } = aliases;
  const since = adapter === null || Object.hasOwn(servedSince, adapter) ? {} : { [adapter]: options.at };
  return {
    ...aliases,
    stable: adapter,
    canary: aliases.canary?.adapter === adapter ? null : aliases.canary,
    shadow: aliases.shadow === adapter ? null : aliases.shadow,
    previous: stable === adapter ? previous : [...previous, stable].slice(-aliasLimits.previous),
    rolledBack: rolledBack.filter((id) => id !== adapter),
    pinned: options.pinned,
    servedSince: Object.fromEntries(
      Object.entries({ ...servedSince, ...since }).slice(-aliasLimits.servedSince),
    ),
  };
}

/** Takes the canary back where there is one, else the stable version. Null when there is nowhere to go back to. */
export function rolledBack(aliases: TenantAliases): TenantAliases | null {
  const { canary, stable, previous } = aliases;
  if (canary !== null) return { ...withoutVersion(aliases, canary.adapter), canary: null };
  if (stable === null) return null;
  const left = previous.filter((id) => id !== stable && !aliases.rolledBack.includes(id ?? ''));
  return { ...withoutVersion(aliases, stable), stable: left.at(-1) ?? null, previous: left.slice(0, -1) };
}

function withoutVersion(aliases: TenantAliases, id: string): TenantAliases {
  return {
    ...aliases,
    shadow: aliases.shadow === id ? null : aliases.shadow,
    rolledBack: [...aliases.rolledBack, id].slice(-aliasLimits.rolledBack),
  };
}

/** After an undo: everything points to `clean`, the newest version without the rows. */
export function undone(
  aliases: TenantAliases,
  rows: readonly string[],
  clean: { readonly stable: string | null; readonly isDirty: (id: string) => boolean },
): TenantAliases {
  const { canary, shadow, previous } = aliases;
  const isFine = (id: string | null): boolean => id === null || !clean.isDirty(id);
  return {
    ...aliases,
    stable: clean.stable,
    canary: canary !== null && isFine(canary.adapter) ? canary : null,
    shadow: isFine(shadow) ? shadow : null,
    previous: previous.filter(isFine),
    undone: [...new Set([...aliases.undone, ...rows])].slice(-aliasLimits.undone),
  };
}

/** The model's aliases when another base is served: as they were there before, or from that base on. */
export function onBase(own: ModelAliases | undefined, base: string): ModelAliases {
  if (own === undefined) return { base, tenants: {} };
  const { [base]: before = {}, ...others } = own.earlier ?? {};
  const left = Object.entries({ ...others, [own.base]: own.tenants }).slice(-maxEarlierBases);
  const names = [...new Set([...Object.keys(before), ...Object.keys(own.tenants)])];
  const tenants = names.map((name) => [name, takenUp(before[name], own.tenants[name])] as const);
  return { base, tenants: Object.fromEntries(tenants), earlier: Object.fromEntries(left) };
}

/** Versions are those of the base; what is not wanted is not wanted on any. Nothing is tried out on a base just come to. */
function takenUp(
  before: TenantAliases = noTenantAliases,
  now: TenantAliases = noTenantAliases,
): TenantAliases {
  const union = (name: 'rolledBack' | 'undone'): readonly string[] =>
    [...new Set([...before[name], ...now[name]])].slice(-aliasLimits[name]);
  const since = Object.entries({ ...before.servedSince, ...now.servedSince });
  return {
    ...before,
    canary: null,
    shadow: null,
    rolledBack: union('rolledBack'),
    undone: union('undone'),
    pinned: now.pinned,
    servedSince: Object.fromEntries(since.slice(-aliasLimits.servedSince)),
  };
}
