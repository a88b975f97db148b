/** The trainer as a process: options as JSON in, work until it is asked to end, or until its server is gone. */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { JobStore } from '../core/jobs/job-store.ts';
import { aliveMs, type FromTrainer, type ToTrainer } from '../core/learning/trainer-messages.ts';
import type { TrainerOptions } from '../core/learning/trainer-options.ts';
import { sweepUnfinishedAdapters } from '../core/registry/adapter-store.ts';
import { readAliases, servedBase } from '../core/registry/aliases.ts';
import { learningLayout } from '../core/registry/learning-layout.ts';
import { consolidate, sweepConsolidation } from './consolidate/consolidate.ts';
import { gatePieces } from './gate/gate.ts';
import { gateDefaults } from './gate/gate-options.ts';
import { nextJob } from './jobs/next-job.ts';
import { runJob } from './jobs/run-job.ts';
import { learnDefaults } from './learn/learn-options.ts';
import { Consolidation } from './loop/consolidation.ts';
import { learn } from './loop/learn.ts';
import { Ledger } from './loop/ledger.ts';
import { LineStore } from './loop/line-store.ts';
import { loadValues } from './loop/load-values.ts';
import { lock } from './loop/lock.ts';
import { Pace, paceDefaults } from './loop/pace.ts';
import { setTrainerPriority } from './loop/priority.ts';
import { type OpenedTrainer, ServedTrainer } from './loop/served-trainer.ts';
import { sweepUnfinishedWeights, sweepWeights } from './loop/sweep-weights.ts';
import { Trainer } from './loop/trainer.ts';
import { WarmUp } from './loop/warm-up.ts';
import { openTrainableModel, type TrainableModel } from './model/trainable-model.ts';

const idleMs = 100;
const firstBackOffMs = 1_000;
const maxBackOffMs = 30_000;
/** On a machine that is never idle, what is polite takes hours. */
const consolidationMs = 6 * 3_600_000;
const maxAnswer = 2_000;
const maxContext = 8_000;

const options = JSON.parse(process.argv[2] ?? '{}') as TrainerOptions;
const layout = learningLayout(options.dir);
const pace = new Pace(paceDefaults, () => performance.now());
const closing = new AbortController();
const bases = join(layout.trainer, 'bases');
const tell = (message: FromTrainer): void => {
  if (process.connected) process.send?.(message, () => {});
  else if (message.kind === 'log') process.stderr.write(`${message.message}\n`);
};

const log = (message: string): void => tell({ kind: 'log', message });

process.on('message', (message: ToTrainer) => {
  if (message.kind === 'load') pace.told(message.isBusy);
  else closing.abort();
});
// What hangs says nothing, which a thread of its own would not notice.
setInterval(() => tell({ kind: 'alive' }), aliveMs).unref();
for (const event of ['SIGTERM', 'SIGINT'] as const) process.on(event, () => closing.abort());
// Without the server there is no one to work for, and the next one's trainer waits for the lock: as if killed, see Trainer.
process.on('disconnect', () => process.exit());
// One that is gone already is not told of any more; a trainer that was started by hand has none.
if (process.send !== undefined && !process.connected) process.exit();

interface Stores {
  readonly lines: LineStore;
  readonly ledger: Ledger;
}

async function openTrainer(
  stores: Stores,
  version: string | null,
  consolidation: Consolidation,
): Promise<OpenedTrainer> {
  const { rank, alpha, targets, frozenShare, modelsDir } = options;
  const model = await openTrainableModel({
    modelsDir,
    name: options.model,
    ...(version === null ? {} : { version }),
    folder: bases,
    shape: { rank, alpha, targets, frozenShare },
    threads: options.threads,
  });
  try {
    return await trainerOf(model, stores, consolidation);
  } catch (error) {
    await model.close();
    throw error;
  }
}

async function trainerOf(
  model: TrainableModel,
  { lines, ledger }: Stores,
  consolidation: Consolidation,
): Promise<OpenedTrainer> {
  const { settleMs, maxTokens, maxReplay, maxPerAccountDay } = options;
  const trainer = new Trainer({
    model,
    merged: model.merged,
    layout,
    lines,
    ledger,
    options: {
      learn: learnDefaults,
      gate: gateDefaults,
      curate: { maxAnswer, maxContext, maxPerAccountDay },
      replay: { maxExamples: maxReplay, maxPerAccount: Math.ceil(maxReplay / 2) },
      settleMs,
      maxTokens: Math.min(maxTokens, model.base.config.maxContext),
    },
    load: (id) => loadValues(layout.adapters, id, model),
    learn: (input) => whileTraining(() => learn(input)),
    pace: () => pace.wait(),
    now: () => new Date(),
    log,
  });
  await trainer.recover();
  tell({ kind: 'ready' });
  const warmUp = new WarmUp(gatePieces(model), model);
  const jobs = new JobStore(layout.jobs);
  // Jobs let all else go first, at each of their steps.
  const job = () =>
    runNextJob(jobs, model, async () => {
      await consolidation.poll();
      while (await trainer.turn());
    });
  const warm = async (): Promise<boolean> => {
    if (warmUp.isDone) return false;
    await whileTraining(() => warmUp.next());
    return true;
  };
  return {
    version: model.version,
    turn: async () => (await trainer.turn()) || (await job()) || (await warm()),
    close: () => model.close(),
  };
}

/** False when no job waits. */
async function runNextJob(
  store: JobStore,
  model: TrainableModel,
  allElse: () => Promise<void>,
): Promise<boolean> {
  const job = await nextJob(store);
  if (job === null) return false;
  const step = async (): Promise<void> => {
    if (closing.signal.aborted) throw new Error('the trainer is closed; the job goes on with the next one');
    await allElse();
    const served = servedBase(await readAliases(layout.aliases), options.model);
    if (served !== null && served !== model.version)
      throw new Error('the base has moved; the job goes on on the new one');
    await pace.wait();
  };
  await whileTraining(() => runJob({ model, store, job, layout, pace: step, onPublished: async () => {} }));
  return true;
}

let numTraining = 0;

/** The server leaves a part of the CPU to what is done meanwhile. Feedback is learned inside of jobs. */
async function whileTraining<T>(work: () => Promise<T>): Promise<T> {
  if (++numTraining === 1) tell({ kind: 'training', isTraining: true });
  try {
    return await work();
  } finally {
    if (--numTraining === 0) tell({ kind: 'training', isTraining: false });
  }
}

function createConsolidation({ lines, ledger }: Stores): Consolidation {
  const { modelsDir, model, threads, nice } = options;
  return new Consolidation({
    ...{ layout, modelsDir, model, threads, lines, ledger, consolidate, log },
    niceness: nice,
    timeoutMs: consolidationMs,
    onMade: async () => sweepWeights(bases, modelsDir, await versionsInUse()),
    now: () => new Date(),
  });
}

async function versionsInUse(): Promise<string[]> {
  const served = servedBase(await readAliases(layout.aliases), options.model);
  return served === null ? [] : [served];
}

/** No longer than the trainer is wanted. */
const sleep = (ms: number): Promise<void> =>
  setTimeout(ms, undefined, { signal: closing.signal }).catch(() => {});

async function work(trainer: ServedTrainer, consolidation: Consolidation): Promise<void> {
  let backOffMs = firstBackOffMs;
  while (!closing.signal.aborted) {
    try {
      await consolidation.poll();
      if (!(await trainer.turn())) await sleep(idleMs);
      backOffMs = firstBackOffMs;
    } catch (error) {
      log(`the trainer failed and tries again: ${messageOf(error)}`);
      await sleep(backOffMs);
      backOffMs = Math.min(maxBackOffMs, 2 * backOffMs);
    }
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

try {
  setTrainerPriority(options.nice);
  const unlock = lock(layout.trainer);
  process.once('exit', unlock);
  await sweepConsolidation({ modelsDir: options.modelsDir, layout });
  await sweepUnfinishedAdapters(layout.adapters);
  await sweepUnfinishedWeights(bases);
  await sweepWeights(bases, options.modelsDir, await versionsInUse());
  const stores = {
    lines: await LineStore.open(join(layout.trainer, 'lines')),
    ledger: await Ledger.open(layout),
  };
  const { model } = options;
  const consolidation = createConsolidation(stores);
  const trainer = new ServedTrainer({
    layout,
    model,
    open: (version) => whileTraining(() => openTrainer(stores, version, consolidation)),
  });
  // At once: an update that is under way may take longer than there is time.
  closing.signal.addEventListener('abort', () => void consolidation.close());
  await work(trainer, consolidation);
  await consolidation.close();
  process.exit(0);
} catch (error) {
  tell({ kind: 'log', message: messageOf(error) });
  process.exitCode = 1;
  process.disconnect?.();
}
