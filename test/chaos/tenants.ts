/** Who asks: tenants, each with a key and a line of versions of its own, and the operator. */
import { createHash } from 'node:crypto';

export interface Tenant {
  readonly name: string;
  /** What a request says that it is from. */
  readonly headers: Readonly<Record<string, string>>;
}

const keyOf = (name: string): string => `key-of-${name}`;
const tenantOf = (name: string): Tenant => ({ name, headers: { authorization: `Bearer ${keyOf(name)}` } });

/** More than adapters that are in the engine at once, with what each may learn in a minute. */
export const tenants: readonly Tenant[] = Array.from({ length: 24 }, (_, index) =>
  tenantOf(`tenant-${index}`),
);
export const operator = tenantOf('operator');

/** The setting auth.keys. JSON is YAML. */
export const authKeys: string = JSON.stringify(
  [...tenants, operator].map((tenant) => ({
    name: tenant.name,
    tenant: tenant.name,
    sha256: createHash('sha256').update(keyOf(tenant.name)).digest('hex'),
    scopes: tenant === operator ? ['inference', 'versions', 'admin'] : ['inference'],
  })),
);
