/**
 * What is served: for each model its base, and for each tenant the adapters that `stable` and `canary` point to. Written
 * by the server alone, with one rename; the trainer reads it to know what to build on.
 */
import { readFile } from 'node:fs/promises';
import { replaceFile } from '../replace-file.ts';

export interface TenantAliases {
  /** Adapter id; null is the base alone. */
  readonly stable: string | null;
  readonly canary: { readonly adapter: string /** Of conversations. */; readonly share: number } | null;
  /** Gets copies of requests; its answers are compared and never shown. */
  readonly shadow: string | null;
  /** Earlier stable ones, the newest last: where a rollback leads. */
  readonly previous: readonly (string | null)[];
  /** Versions that were taken back: nothing is built on them or on their rows. */
  readonly rolledBack: readonly string[];
}

export interface ModelAliases {
  /** Digest of the base version, "sha256:…". */
  readonly base: string;
  readonly tenants: Readonly<Record<string, TenantAliases>>;
}

export interface Aliases {
  readonly format: 1;
  /** Counts changes. */
  readonly revision: number;
  /** No update is started while this is set. */
  readonly paused: boolean;
  readonly models: Readonly<Record<string, ModelAliases>>;
}

export const noAliases: Aliases = { format: 1, revision: 0, paused: false, models: {} };

export const noTenantAliases: TenantAliases = {
  stable: null,
  canary: null,
  shadow: null,
  previous: [],
  rolledBack: [],
};

/** Of a tenant that nothing was done for yet, everything points to the base. */
export function aliasesOf(aliases: Aliases, model: string, tenant: string): TenantAliases {
  const tenants = aliases.models[model]?.tenants ?? {};
  return Object.hasOwn(tenants, tenant) ? tenants[tenant]! : noTenantAliases;
}

/** Throws when there is a file that is not one of ours. */
export async function readAliases(path: string): Promise<Aliases> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return noAliases;
  const aliases = JSON.parse(text) as Aliases;
  if (aliases.format !== 1)
    throw new Error(`${path} has the format ${String(aliases.format)}, this program reads 1`);
  return aliases;
}

/** Replaces the file, durably, in one step. */
export async function writeAliases(path: string, aliases: Aliases): Promise<void> {
  await replaceFile(path, `${JSON.stringify(aliases, null, 1)}\n`);
}
