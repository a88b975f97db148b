/**
 * The setting that lists API keys. Only hashes are configured, so that a leaked file opens nothing;
 * 0 as a limit means none. Env and flags give the list as YAML (JSON is YAML).
 */
import { parse as parseYaml } from 'yaml';
import { type Setting, shown } from './setting.ts';

export const apiKeyScopes = ['inference', 'versions', 'metrics', 'admin'] as const;
export type ApiKeyScope = (typeof apiKeyScopes)[number];

export interface ApiKeyEntry {
  /** Shown in logs and metrics in place of the key. Influence on what is learned is bounded per name. */
  readonly name: string;
  /** Whose the key is: tenants share nothing that was learned, and get equal shares. The name where none is given. */
  readonly tenant: string;
  /** Lower-case hex of the key's SHA-256. */
  readonly sha256: string;
  readonly scopes: readonly ApiKeyScope[];
  /** 0 is no limit. */
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
  readonly maxConcurrent: number;
}

const maxKeys = 10_000;
const limitNames = ['requestsPerMinute', 'tokensPerMinute', 'maxConcurrent'] as const;
const known = new Set<string>(['name', 'tenant', 'sha256', 'scopes', ...limitNames]);

const isName = /^[\w.-]{1,64}$/;
const nameLetters = 'A-Z a-z 0-9 _ . -';

function readScopes(raw: unknown): readonly ApiKeyScope[] | null {
  if (raw === undefined) return ['inference'];
  if (!Array.isArray(raw) || raw.length === 0) return null;
  const scopes = apiKeyScopes.filter((scope) => raw.includes(scope));
  return raw.every((scope) => apiKeyScopes.some((each) => each === scope)) ? scopes : null;
}

function readEntry(raw: unknown): ApiKeyEntry | string {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return 'is not a mapping';
  const fields: Readonly<Record<string, unknown>> = { ...raw };
  const { name, sha256, tenant = name } = fields;
  const unknown = Object.keys(fields).find((key) => !known.has(key));
  if (unknown !== undefined) return `has the unknown field ${shown(unknown)}`;
  if (typeof name !== 'string' || !isName.test(name)) return `needs a name of 1 to 64 of ${nameLetters}`;
  if (typeof tenant !== 'string' || !isName.test(tenant))
    return `needs a tenant of 1 to 64 of ${nameLetters}`;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
    return 'needs sha256 as 64 lower-case hex digits';
  const scopes = readScopes(fields.scopes);
  if (scopes === null) return `needs scopes out of ${apiKeyScopes.join(', ')}`;
  const limits = limitNames.map((limit) => fields[limit] ?? 0);
  const wrong = limits.findIndex((value) => !Number.isSafeInteger(value) || Number(value) < 0);
  if (wrong >= 0) return `needs ${limitNames[wrong]} as an integer from 0`;
  const [requestsPerMinute, tokensPerMinute, maxConcurrent] = limits.map(Number) as [number, number, number];
  return { name, tenant, sha256, scopes, requestsPerMinute, tokensPerMinute, maxConcurrent };
}

function readList(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw;
  try {
    return parseYaml(raw);
  } catch {
    return null;
  }
}

/** The declaration of a list of API keys; an empty list means that no key is asked for. */
export function apiKeys(description: string): Setting<readonly ApiKeyEntry[]> {
  return {
    type: 'list of {name, tenant, sha256, scopes, requestsPerMinute, tokensPerMinute, maxConcurrent}',
    unit: null,
    default: [],
    limits: `at most ${maxKeys} keys`,
    description,
    secret: true,
    schema: { type: 'array', maxItems: maxKeys, items: { type: 'object', required: ['name', 'sha256'] } },
    parse(raw) {
      const list = readList(raw);
      if (!Array.isArray(list) || list.length > maxKeys)
        return { problem: `expected a list of at most ${maxKeys} keys` };
      const entries = list.map(readEntry);
      const wrong = entries.findIndex((entry) => typeof entry === 'string');
      if (wrong >= 0) return { problem: `entry ${wrong} ${entries[wrong]}` };
      const value = entries.filter((entry) => typeof entry !== 'string');
      const names = new Set(value.map((entry) => entry.name));
      return names.size === value.length ? { value } : { problem: 'two entries have the same name' };
    },
  };
}
