/** What of aliases that others have moved this server can serve: what it cannot have, it answers as before. */
import {
  type Aliases,
  aliasesOf,
  type ModelAliases,
  noTenantAliases,
  type TenantAliases,
  type Tenants,
} from '../../core/registry/aliases.ts';

export interface Adoption {
  readonly model: string;
  readonly tenant: string;
  /** As they are served now. */
  readonly current: TenantAliases;
  /** As they stand for all. */
  readonly next: TenantAliases;
}

/** The tenants of a model, on one base, whose aliases point elsewhere than they did. */
export function movedTenants(model: string, current: Aliases, next: Aliases): Adoption[] {
  const names = Object.keys(next.models[model]?.tenants ?? {});
  return names
    .map((tenant) => ({
      model,
      tenant,
      current: aliasesOf(current, model, tenant),
      next: aliasesOf(next, model, tenant),
    }))
    .filter((move) => needed(move.next).some((id) => !needed(move.current).includes(id)));
}

/** Versions that have to be in the engine before the aliases are served. */
export function needed({ stable, canary, shadow }: TenantAliases): string[] {
  return [stable, canary?.adapter ?? null, shadow].filter((id) => id !== null);
}

/**
 * In place of aliases that cannot be served yet: what was served before, as long as nobody wants it gone; the base alone
 * where somebody does. What is not wanted is taken over at once. `isWanted` tells whether a version still is.
 */
export async function meanwhile(
  { current, next }: Adoption,
  isWanted: (adapter: string) => Promise<boolean>,
): Promise<TenantAliases> {
  const { stable } = current;
  const { rolledBack, undone, pinned, servedSince } = next;
  const mayStay = stable !== null && (await isWanted(stable));
  return { ...noTenantAliases, stable: mayStay ? stable : null, rolledBack, undone, pinned, servedSince };
}

export function withTenant(aliases: Aliases, { model, tenant }: Adoption, own: TenantAliases): Aliases {
  const of = aliases.models[model]!;
  const models = { ...aliases.models, [model]: { ...of, tenants: { ...of.tenants, [tenant]: own } } };
  return { ...aliases, models };
}

/**
 * `view` after a change of what is stored from `before` to `after`. What others have moved before stays in it as it was, since
 * it may not be in the engine; but `model` is taken over as a whole.
 */
export function withChange(view: Aliases, before: Aliases, after: Aliases, model?: string): Aliases {
  const models = { ...view.models };
  for (const [name, own] of Object.entries(after.models)) {
    const earlier = before.models[name];
    if (name === model || earlier?.base !== own.base) models[name] = own;
    else if (earlier !== own)
      models[name] = { ...own, tenants: tenantsWithChange(models[name], earlier, own) };
  }
  return { ...after, models };
}

function tenantsWithChange(
  view: ModelAliases | undefined,
  before: ModelAliases,
  after: ModelAliases,
): Tenants {
  const changed = Object.entries(after.tenants).filter(([name, own]) => own !== before.tenants[name]);
  return { ...view?.tenants, ...Object.fromEntries(changed) };
}
