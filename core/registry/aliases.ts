/**
 * What is served: for each model its base, and for each tenant the adapters that `stable` and `canary` point to. Written
 * by the server alone, with one rename; the trainer reads it to know what to build on.
 */
import { readIfThere } from '../read-if-there.ts';
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
  /** Rows whose influence is not wanted: no version with one of them, or on top of one, is served. */
  readonly undone: readonly string[];
  /** New versions are published, but `stable` stays until somebody moves it. */
  readonly pinned: boolean;
  /** When versions became stable for the first time, ISO 8601. */
  readonly servedSince: Readonly<Record<string, string>>;
}

/** Of each list of a tenant, what is remembered; the oldest go. */
export const aliasLimits = { previous: 50, rolledBack: 1_000, undone: 10_000, servedSince: 1_000 } as const;
/** Bases of a model, other than the one that is served, whose aliases are remembered. */
export const maxEarlierBases = 5;

/** By tenant. */
export type Tenants = Readonly<Record<string, TenantAliases>>;

export interface ModelAliases {
  /** Digest of the base version, "sha256:…". */
  readonly base: string;
  readonly tenants: Tenants;
  /** How the aliases stood on bases that were served before, by digest, the latest last: they are taken up again there. */
  readonly earlier?: Readonly<Record<string, Tenants>>;
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
  undone: [],
  pinned: false,
  servedSince: {},
};

/** Of a tenant that nothing was done for yet, everything points to the base. */
export function aliasesOf(aliases: Aliases, model: string, tenant: string): TenantAliases {
  const tenants = aliases.models[model]?.tenants ?? {};
  return Object.hasOwn(tenants, tenant) ? tenants[tenant]! : noTenantAliases;
}

/** Digest of the base that is served under the model's name; null when none ever was. */
export function servedBase(aliases: Aliases, model: string): string | null {
  return Object.hasOwn(aliases.models, model) ? aliases.models[model]!.base : null;
}

/** Throws when there is a file that is not one of ours. */
export async function readAliases(path: string): Promise<Aliases> {
  const text = await readIfThere(path);
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
