/** Learning as the configuration says: the server's part of it, and the trainer beside it. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TrainerOptions } from '../core/learning/trainer-options.ts';
import { readAliases } from '../core/registry/aliases.ts';
import { learningLayout, type VersionEvent } from '../core/registry/learning-layout.ts';
import { rolledModel } from './base-swap.ts';
import type { Cluster } from './cluster-setup.ts';
import type {
  ModelCatalogue,
  ServedEncoder,
  ServedGenerator,
  ServedModel,
} from './completion/served-model.ts';
import type { Config } from './config/declaration.ts';
import { environment } from './config/environment.ts';
import { learningTargets } from './config/learning-targets.ts';
import { trainerThreads } from './engine.ts';
import { type BaseAtStart, baseAtStart } from './learning/base-at-start.ts';
import { Bases } from './learning/bases.ts';
import { type Learning, type LearningOptions, openLearning } from './learning/learning.ts';
import { LedTrainer } from './learning/led-trainer.ts';
import type { SharedCpu } from './learning/shared-cpu.ts';
import { TrainerProcess } from './learning/trainer-process.ts';
import type { Embed } from './memory/memory.ts';
import { nullModelName } from './null-model.ts';
import { programVersion } from './program-version.ts';
import { openReplica } from './replica-setup.ts';
import type { AliasMove } from './rollout/watched-move.ts';

const hourMs = 3_600_000;
/** Of requests without a key, where none is asked for. */
const openTenant = 'anonymous';
const maxResponses = 500_000;
const maxIndexed = 100_000;
const segmentBytes = 16 * 2 ** 20;
const maxPending = 1_024;
/** Of a tenant's memory, the share that one API key may fill. */
const accountShare = 0.5;

export interface Log {
  info(message: string): void;
  warn(message: string): void;
}

/** Whoever keeps count of what learning does; none of it may throw. */
export interface LearningWatch {
  /** Train steps begin, or are over. */
  onTraining(isTraining: boolean): void;
  onEvent(event: VersionEvent): void;
  onMove(move: AliasMove): void;
}

/** What is served, and how a model's name is moved to another base version. */
export interface Serving {
  readonly catalogue: ModelCatalogue;
  readonly baseMoves: LearningOptions['baseMoves'];
  readonly cpu: SharedCpu;
  readonly watch: LearningWatch;
  readonly cluster: Pick<Cluster, 'link'>;
}

/** Whose requests are answered: that of each key that may ask, or of everybody when no key is asked for. */
export function tenantsOf(config: Config): string[] {
  const keys = config['auth.keys'];
  if (keys.length === 0) return [openTenant];
  return [...new Set(keys.filter(({ scopes }) => scopes.includes('inference')).map(({ tenant }) => tenant))];
}

/** Which base version of the model to begin with. Throws what reading the aliases throws. */
export async function baseToServe(config: Config, model: string): Promise<BaseAtStart> {
  if (config['learning.mode'] === 'off') return { version: null, warning: null };
  const { aliases, adapters } = learningLayout(config['learning.dir']);
  const bases = new Bases({ modelsDir: config['models.dir'], adapters, tenants: tenantsOf(config) });
  return baseAtStart(await readAliases(aliases), model, bases);
}

/** Null when the configuration turns it off, or when no model can learn. Throws invalid_argument. */
export async function startLearning(
  config: Config,
  { catalogue, baseMoves, cpu, watch, cluster: { link } }: Serving,
  log: Log,
): Promise<Learning | null> {
  const models = catalogue.list();
  const generators = models.filter((model): model is ServedGenerator => model.kind === 'generator');
  const learner = generators.find(({ id }) => id !== nullModelName);
  if (config['learning.mode'] === 'off' || learner === undefined) return null;
  // What users said is for the server's own user alone. A folder that is there already stays as its owner made it.
  await mkdir(config['learning.dir'], { recursive: true, mode: 0o700 });
  const encoder = models.find((model): model is ServedEncoder => model.kind === 'encoder') ?? null;
  const options = learningOptionsOf(config, learner, encoder, log);
  const trainer = createTrainer(config, learner.id, { catalogue, cpu, watch }, log);
  const joined =
    link === null
      ? null
      : await openReplica(config, {
          ...{
            link,
            layout: learningLayout(options.dir),
            models: [learner.id],
            programVersion: programVersion(),
          },
          onLead: (mayTrain) => trainer.lead(mayTrain),
          info: (message) => log.info(message),
          warn: (message) => log.warn(message),
        });
  const learning = await openLearning({
    ...options,
    baseMoves,
    onEvent: (event) => watch.onEvent(event),
    onMove: (move) => watch.onMove(move),
    replica: joined?.replica ?? null,
  });
  await joined?.join(learning);
  if (joined === null) trainer.lead(true);
  return {
    ...learning,
    trainer: joined?.replica.role === 'follower' ? null : trainer,
    async close() {
      await trainer.close();
      await joined?.close();
      await learning.close();
    },
  };
}

/** It trains once it may. */
function createTrainer(
  config: Config,
  model: string,
  { catalogue, cpu, watch }: Pick<Serving, 'catalogue' | 'cpu' | 'watch'>,
  log: Log,
): LedTrainer {
  const trainer = trainerOptionsOf(config, model);
  return new LedTrainer(
    () =>
      new TrainerProcess({
        trainer,
        environment,
        isBusy: () => isBusy(catalogue.get(model)),
        onTraining(isTraining) {
          cpu.told(isTraining);
          watch.onTraining(isTraining);
        },
        log: (message) => log.info(`trainer: ${message}`),
      }),
  );
}

const isBusy = (model: ServedModel | undefined): boolean =>
  model?.kind === 'generator' && model.engine.stats().numWaiting > 0;

function learningOptionsOf(
  config: Config,
  learner: ServedGenerator,
  encoder: ServedEncoder | null,
  log: Log,
): Omit<LearningOptions, 'baseMoves'> {
  const hours = config['feedback.keepResponsesHours'];
  const responses = {
    keepMs: hours * hourMs,
    totalBytes: config['feedback.keepResponsesBytes'],
    maxResponses,
  };
  return {
    dir: config['learning.dir'],
    models: [rolledModel(learner)],
    defaultModel: learner.id,
    modelsDir: config['models.dir'],
    tenants: tenantsOf(config),
    consolidateAfter: config['learning.consolidateAfter'],
    maxAdapterRows: config['engine.maxAdapterRows'],
    canaryShare: config['learning.canaryPercent'] / 100,
    maxShadowMs: config['limits.requestMs'],
    keeper: {
      responses: hours === 0 ? null : responses,
      log: { segmentBytes, totalBytes: config['feedback.logBytes'], maxPending },
      maxIndexed,
    },
    memory: config['memory.mode'] === 'off' || encoder === null ? null : memoryOptionsOf(config, encoder),
    onProblem: (message) => log.warn(message),
    onSwap: (message) => log.info(message),
  };
}

function memoryOptionsOf(config: Config, encoder: ServedEncoder): LearningOptions['memory'] {
  const maxEntries = config['memory.maxEntries'];
  return {
    maxEntries,
    maxPerAccount: Math.ceil(maxEntries * accountShare),
    embed: embedWith(encoder),
    encoder: `${encoder.id} ${encoder.digest}`,
    thresholds: {
      similarity: config['memory.similarityPercent'] / 100,
      namedSimilarity: config['memory.namedSimilarityPercent'] / 100,
    },
    ttlMs: config['memory.ttlDays'] * 24 * hourMs,
    maxWaitMs: config['memory.maxWaitMs'],
  };
}

/** Texts longer than the encoder's context count with their beginning. */
const embedWith =
  ({ encoder, engine }: ServedEncoder): Embed =>
  async (texts, options) => {
    const encoded = await encoder.encode(texts, { addSpecialTokens: true, allowSpecial: false });
    return engine.embed(
      encoded.map((tokens) => tokens.slice(0, engine.maxContext)),
      options,
    );
  };

function trainerOptionsOf(config: Config, model: string): TrainerOptions {
  return {
    dir: resolve(config['learning.dir']),
    modelsDir: resolve(config['models.dir']),
    model,
    threads: trainerThreads(config),
    nice: config['learning.nice'],
    rank: config['learning.rank'],
    alpha: config['learning.alpha'],
    targets: learningTargets(config),
    frozenShare: config['learning.frozenPercent'] / 100,
    settleMs: config['learning.settleMs'],
    maxTokens: config['learning.maxTokens'],
    maxReplay: config['learning.maxReplay'],
    maxPerAccountDay: config['learning.maxRowsPerKeyDay'],
  };
}
