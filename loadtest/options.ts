/** The command line of the load test: read, checked, and described. Everything that is wrong with it is told at once. */
import { parseArgs } from 'node:util';
import type { Profile, Size } from './rig.ts';
import type { Scenario } from './scenario.ts';
import { scenariosNamed } from './scenarios/all.ts';
import { parseThreshold, type Threshold } from './threshold.ts';

export const help = `Usage: npm run loadtest -- [options]
  --scenario LIST       what to run, with commas between; --list names all; default steady
  --profile NAME        full (default): minutes, figures to compare; smoke: seconds, whether it works at all
  --url URL             server to load, default http://127.0.0.1:8080; once for each replica
  --model NAME          model to ask for; default the first one that the server lists
  --out DIR             write report.html, result.json, summary.md and junit.xml
  --threshold TEXT      such as 'steady.ttft.p99<=500ms'; may be repeated
  --thresholds FILE     a list of them, YAML or JSON
Sizes, each in place of the profile's:
  --clients N           in a closed loop, at most 1024
  --rate R              requests per second of an open loop
  --prompt N            prompt tokens
  --output N            answer tokens
  --requests N          requests of a load
  --seconds N           no new request after this
  --ttft-target MS      for goodput and overload, default 1000
  --tpot-target MS      the same for the mean time per later token, default 50
  --seed N              default 1
What only some scenarios need:
  --key KEY             API key
  --noisy-key KEY       key of the tenant that floods, or whose limits are used up
  --admin-url URL       admin listener: promotes and rolls back, and tells what is held
  --admin-key KEY       default the one of --key
  --tenant NAME         whose versions are moved, default anonymous
  --versions A,B        to move between; default base and the newest one
  --kill-pid PID        process that dies: the replica of the last --url
  --kill-command TEXT   instead: a shell command that ends it
Bounds, of everything together:
  --max-minutes N       default 30, at most 240
  --max-requests N      default 100000, at most 1000000
  --max-connections N   default 512, at most 10000
  --allow-remote        load hosts other than this one
  --list                name the scenarios, the questions that they answer and their thresholds
Ends with 0 when all thresholds are met, 1 when one is missed, 2 when something could not be run.
`;

export interface Options {
  readonly scenarios: readonly Scenario[];
  readonly profile: Profile;
  /** Each with the path of the API, such as /v1. */
  readonly urls: readonly string[];
  readonly model: string | null;
  readonly out: string | null;
  readonly thresholds: readonly Threshold[];
  readonly thresholdFile: string | null;
  readonly overrides: Partial<Size>;
  readonly targets: { readonly ttftMs: number; readonly tpotMs: number };
  readonly seed: number;
  readonly key: string | null;
  readonly noisyKey: string | null;
  readonly adminUrl: string | null;
  readonly adminKey: string | null;
  readonly tenant: string;
  readonly versions: readonly string[] | null;
  readonly killPid: number | null;
  readonly killCommand: string | null;
  readonly maxMinutes: number;
  readonly maxRequests: number;
  readonly maxConnections: number;
}

const texts = [
  'scenario',
  'profile',
  'model',
  'out',
  'thresholds',
  'clients',
  'rate',
  'prompt',
  'output',
  'requests',
  'seconds',
  'ttft-target',
  'tpot-target',
  'seed',
  'key',
  'noisy-key',
  'admin-url',
  'admin-key',
  'tenant',
  'versions',
  'kill-pid',
  'kill-command',
  'max-minutes',
  'max-requests',
  'max-connections',
] as const;
const flags = ['allow-remote', 'list', 'help'] as const;

type Values = Partial<Record<(typeof texts)[number], string>> &
  Partial<Record<(typeof flags)[number], boolean>> & { url?: string[]; threshold?: string[] };

/** Throws what is wrong, one line for each problem. */
export function parseOptions(args: readonly string[]): Options | 'help' | 'list' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(texts.map((name) => [name, { type: 'string' } as const])),
      ...Object.fromEntries(flags.map((name) => [name, { type: 'boolean' } as const])),
      url: { type: 'string', multiple: true },
      threshold: { type: 'string', multiple: true },
    },
  }) as { values: Values };
  if (values.help) return 'help';
  if (values.list) return 'list';
  const problems: string[] = [];
  const options = read(values, problems);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return options;
}

function read(values: Values, problems: string[]): Options {
  const attempt = <T>(what: () => T, fallback: T): T => {
    try {
      return what();
    } catch (error) {
      problems.push((error as Error).message);
      return fallback;
    }
  };
  const number = (name: (typeof texts)[number], { most, least = 1, whole = true }: Range): number | null => {
    const text = values[name];
    if (text === undefined) return null;
    const value = Number(text);
    const isGood =
      text.trim() !== '' && value >= least && value <= most && (!whole || Number.isInteger(value));
    if (!isGood)
      problems.push(
        `--${name} is ${text}, expected a ${whole ? 'whole ' : ''}number from ${least} to ${most}.`,
      );
    return isGood ? value : least;
  };
  const profile = values.profile ?? 'full';
  if (profile !== 'full' && profile !== 'smoke')
    problems.push(`--profile is ${profile}, expected smoke or full.`);
  const versions = values.versions?.split(',') ?? null;
  if (versions !== null && versions.length !== 2)
    problems.push('--versions names two, with a comma between.');
  if (values['kill-pid'] !== undefined && values['kill-command'] !== undefined)
    problems.push('--kill-pid and --kill-command exclude each other.');
  const isAllowed = values['allow-remote'] ?? false;
  const urlOf = (text: string): string => attempt(() => checkedUrl(text, isAllowed), '');
  const urls = values.url ?? ['http://127.0.0.1:8080'];
  return {
    scenarios: attempt(() => scenariosNamed(values.scenario ?? 'steady'), []),
    profile: profile as Profile,
    urls: urls.flatMap((list) => list.split(',')).map((text) => withPath(urlOf(text))),
    model: values.model ?? null,
    out: values.out ?? null,
    thresholds: (values.threshold ?? []).flatMap((text) => attempt(() => [parseThreshold(text)], [])),
    thresholdFile: values.thresholds ?? null,
    overrides: given({
      clients: number('clients', { most: 1024 }),
      perSecond: number('rate', { most: 10_000, least: 0.001, whole: false }),
      promptTokens: number('prompt', { most: 1e6 }),
      outputTokens: number('output', { most: 1e6 }),
      numRequests: number('requests', { most: 1e6 }),
      seconds: number('seconds', { most: 3600 }),
    }),
    targets: {
      ttftMs: number('ttft-target', { most: 3.6e6, whole: false }) ?? 1000,
      tpotMs: number('tpot-target', { most: 3.6e6, whole: false }) ?? 50,
    },
    seed: number('seed', { most: 2 ** 31 }) ?? 1,
    key: values.key ?? null,
    noisyKey: values['noisy-key'] ?? null,
    adminUrl: values['admin-url'] === undefined ? null : urlOf(values['admin-url']),
    adminKey: values['admin-key'] ?? values.key ?? null,
    tenant: values.tenant ?? 'anonymous',
    versions,
    // No process of a system has an id below 2 that a test may end.
    killPid: number('kill-pid', { most: 2 ** 31, least: 2 }),
    killCommand: values['kill-command'] ?? null,
    maxMinutes: number('max-minutes', { most: 240, least: 0.01, whole: false }) ?? 30,
    maxRequests: number('max-requests', { most: 1e6 }) ?? 100_000,
    maxConnections: number('max-connections', { most: 10_000 }) ?? 512,
  };
}

interface Range {
  readonly most: number;
  readonly least?: number;
  readonly whole?: boolean;
}

/** Without those that were not given. */
const given = (sizes: { readonly [Name in keyof Size]: number | null }): Partial<Size> =>
  Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== null));

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function checkedUrl(text: string, isRemoteAllowed: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'http:') {
    throw new Error(`"${text}" is not an address such as http://127.0.0.1:8080.`);
  }
  if (isRemoteAllowed || loopback.test(url.hostname)) return url.href.replace(/\/$/, '');
  throw new Error(`${url.hostname} is not this machine. Add --allow-remote if you may load it.`);
}

/** OpenAI's path, where none is given. */
const withPath = (url: string): string => (/^https?:\/\/[^/]+$/.test(url) ? `${url}/v1` : url);
