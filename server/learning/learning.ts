/** All of learning that lives in the server: opened together, closed together. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Closer, closeAll } from '../../core/close-all.ts';
import { MillraceError } from '../../core/errors.ts';
import type { TenantAliases } from '../../core/registry/aliases.ts';
import {
  type LearningLayout,
  learningLayout,
  type VersionEvent,
} from '../../core/registry/learning-layout.ts';
import { type Keeper, openKeeper } from '../feedback/keeper.ts';
import type { KeeperOptions } from '../feedback/keeper-messages.ts';
import { Jobs } from '../jobs/jobs.ts';
import { Memory, type MemoryOptions } from '../memory/memory.ts';
import { MemoryFeeder } from '../memory/memory-feeder.ts';
import { type MemoryLimits, MemoryStore } from '../memory/memory-store.ts';
import { ReEncoding } from '../memory/re-encoding.ts';
import { type RolledModel, Rollout } from '../rollout/rollout.ts';
import { Shadows } from '../rollout/shadows.ts';
import type { TrialOptions } from '../rollout/trial.ts';
import { Trials } from '../rollout/trials.ts';
import { VersionWatch } from '../rollout/version-watch.ts';
import type { AliasMove } from '../rollout/watched-move.ts';
import { AliasFollower } from './alias-follower.ts';
import { Bases } from './bases.ts';
import { Consolidation } from './consolidation.ts';
import { followEvent } from './follow-event.ts';
import { forwardedTrials, type TrialsDesk } from './forwarded-trials.ts';
import type { LedTrainer } from './led-trainer.ts';
import type { Replica } from './replica.ts';
import { type BaseMoves, type ServingParts, serveEvent } from './serve-event.ts';
import { Versions } from './versions.ts';

export interface LearningOptions {
  readonly dir: string;
  /** Served models that adapters are made for. */
  readonly models: readonly RolledModel[];
  /** The model that the trainer learns for, and feedback without a model is about. */
  readonly defaultModel: string;
  readonly modelsDir: string;
  /** Whose requests are answered. */
  readonly tenants: readonly string[];
  /** How models' names are moved to other base versions. */
  readonly baseMoves: (rollout: Rollout) => BaseMoves;
  /** Versions of an adapter after which it is merged into the weights; 0: only when that is asked for. */
  readonly consolidateAfter: number;
  readonly maxAdapterRows: number;
  /** Of conversations that a new version gets first; 0 serves it to all at once. */
  readonly canaryShare: number;
  /** What versions on trial are held to, where it is not the default. */
  readonly trials?: Partial<TrialOptions>;
  /** A shadow's answer that takes longer counts as failed. */
  readonly maxShadowMs: number;
  readonly keeper: Omit<KeeperOptions, 'folders'>;
  /** Null: nothing is remembered. */
  readonly memory: (MemoryLimits & Omit<MemoryOptions, 'store' | 'now'>) | null;
  readonly onProblem: (message: string) => void;
  readonly onSwap: (message: string) => void;
  /** Hears of each event of the log of versions when it comes, which after a failure can be once more. */
  readonly onEvent?: ((event: VersionEvent) => void) | undefined;
  /** Hears of each move of an alias. */
  readonly onMove?: ((move: AliasMove) => void) | undefined;
  /** Null, or absent: this server is the only one. */
  readonly replica?: Replica | null;
}

export interface Learning {
  readonly layout: LearningLayout;
  readonly defaultModel: string;
  readonly keeper: Keeper;
  readonly rollout: Rollout;
  readonly trials: TrialsDesk;
  readonly shadows: Shadows;
  readonly memory: Memory | null;
  readonly versions: Versions;
  readonly jobs: Jobs;
  readonly bases: Bases;
  readonly consolidation: Consolidation;
  /** Null where there are no others. */
  readonly replica: Pick<Replica, 'id' | 'isLeader' | 'all' | 'logs'> | null;
  /** Throws not_the_learner where another replica does what only one may. */
  requireLearner(): void;
  /** Null: it runs elsewhere. */
  readonly trainer: Pick<LedTrainer, 'state' | 'pid' | 'restarts' | 'hangs'> | null;
  /** By id, or "imported". Throws version_not_found, invalid_argument, and what starting an engine throws. */
  moveBase(model: string, version: string): Promise<void>;
  /** What has learned one of the rows is not served any more, a base neither. Throws as moveBase; it can be tried again. */
  undo(model: string, tenant: string, rows: readonly string[]): Promise<TenantAliases>;
  /** There is new feedback. */
  wake(): void;
  close(): Promise<void>;
}

/** Throws when the folder cannot be used, or holds what this program does not read. */
export async function openLearning(options: LearningOptions): Promise<Learning> {
  const closers: Closer[] = [];
  try {
    return await open(options, closers);
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** What it opens is noted among `closers`. */
async function open(options: LearningOptions, closers: Closer[]): Promise<Learning> {
  const layout = learningLayout(options.dir);
  await mkdir(layout.cursors, { recursive: true });
  const now = () => new Date();
  const { maxAdapterRows: maxRows, onMove, replica = null } = options;
  const follows = replica?.role === 'follower';
  const store = replica?.aliases;
  const bring = replica?.fetchAdapter;
  const rollout = await Rollout.open({ layout, maxRows, now, onMove, store, bring, leads: !follows });
  for (const model of options.models) await rollout.serve(model);
  const jobs = await Jobs.open({ layout, now: () => Date.now() });
  const keeper = await openSharedKeeper(options, layout);
  closers.push(() => keeper.close());
  const { memory, feeder } = await openMemory(options, layout, keeper, closers);
  const { modelsDir, tenants, defaultModel: model, consolidateAfter: afterVersions } = options;
  const bases = new Bases({ modelsDir, adapters: layout.adapters, tenants });
  const consolidation = new Consolidation({ layout, model, tenants, rollout, bases, afterVersions, now });
  const baseMoves = options.baseMoves(rollout);
  const undo: Learning['undo'] = async (name, tenant, rows) => {
    // The aliases first: on the base that is gone back to nothing may come back either.
    const { undone } = await rollout.undo(name, tenant, rows);
    const clean = await bases.without(name, rollout.baseOf(name)!, new Set(undone));
    if (clean !== null) await baseMoves.to(name, clean);
    return rollout.of(name, tenant);
  };
  const forget = async (name: string, tenant: string, rows: readonly string[]): Promise<void> => {
    await undo(name, tenant, rows);
    await keeper.call('undo', { tenant, what: { kind: 'row', row: rows[0]! }, rows });
    feeder?.wake();
  };
  const shadows = new Shadows({ rollout, maxMs: options.maxShadowMs });
  const { trials, onEvent } = await openEvents(
    { ...options, layout, rollout, bases, consolidation, baseMoves, undo: forget },
    closers,
  );
  const watch = await VersionWatch.open({
    log: layout.versions,
    cursor: join(layout.cursors, 'versions.json'),
    onEvent(event) {
      options.onEvent?.(event);
      return onEvent(event);
    },
    onProblem: options.onProblem,
    isPassing: (error) => error instanceof MillraceError && ofOthers.has(error.code),
  });
  closers.push(
    () => watch.close(),
    () => baseMoves.close(),
    () => shadows.close(),
  );
  if (replica !== null) {
    const names = options.models.map(({ id }) => id);
    const parts = { replica, rollout, baseMoves, models: names, onProblem: options.onProblem };
    const follower = new AliasFollower(parts);
    closers.push(() => follower.close());
  }
  return {
    layout,
    defaultModel: options.defaultModel,
    keeper,
    rollout,
    trials,
    shadows,
    memory,
    versions: new Versions(layout.adapters, rollout),
    jobs,
    bases,
    consolidation,
    trainer: null,
    replica,
    requireLearner() {
      if (follows) throw new MillraceError('not_the_learner', { learner: replica.learner() });
    },
    async moveBase(name, text) {
      const found = await bases.find(name, text);
      const objection = await bases.objectionTo(found, (tenant) => rollout.of(name, tenant).undone);
      if (objection !== null) {
        const message = `The base ${text} cannot be served: ${objection}.`;
        throw new MillraceError('invalid_argument', { message }, { param: 'version' });
      }
      await baseMoves.to(name, found.version);
    },
    undo,
    wake: () => feeder?.wake(),
    close: () => closeAll(closers),
  };
}

/** What fails because of other replicas will go well some time. */
const ofOthers: ReadonlySet<string> = new Set([
  'cluster_unavailable',
  'aliases_contended',
  'replicas_not_ready',
]);

/** Where there are no others, a version is made ready when its alias moves. */
function readinessIn(rollout: Rollout, replica: Replica | null): ServingParts['makeReady'] {
  return async (model, adapter) => {
    if (replica === null) return;
    await rollout.warm(model, adapter);
    replica.tell(model, adapter, null);
    await replica.othersReady(model, rollout.baseOf(model)!, adapter);
  };
}

async function openSharedKeeper(
  { keeper: options, onProblem, replica = null }: LearningOptions,
  layout: LearningLayout,
): Promise<Keeper> {
  if (replica === null) return openKeeper({ ...options, folders: layout }, { onProblem });
  const { id: origin, onKept, sharing } = replica;
  return sharing(await openKeeper({ ...options, folders: layout, origin }, { onProblem, onKept }));
}

interface EventParts
  extends Omit<LearningOptions, 'baseMoves'>,
    Omit<ServingParts, 'trials' | 'layout' | 'makeReady'> {
  readonly layout: LearningLayout;
}

/** What is done with what the trainer tells, here or where it runs, and who decides on versions that are tried out. */
async function openEvents(
  parts: EventParts,
  closers: Closer[],
): Promise<{ trials: TrialsDesk; onEvent: (event: VersionEvent) => Promise<void> }> {
  const { replica = null, rollout, layout } = parts;
  if (replica?.role === 'follower') {
    const following = { rollout, replica, onProblem: parts.onProblem };
    return { trials: forwardedTrials(replica), onEvent: (event) => followEvent(following, event) };
  }
  const trials = await openTrials(parts, layout, rollout);
  closers.push(() => trials.close());
  return {
    trials,
    async onEvent(event) {
      await serveEvent({ ...parts, trials, makeReady: readinessIn(rollout, replica) }, event);
    },
  };
}

function openTrials(
  { trials, models, canaryShare, onSwap, onProblem }: Omit<LearningOptions, 'baseMoves'>,
  layout: LearningLayout,
  rollout: Rollout,
): Promise<Trials> {
  const held = { ...trials, models: models.map(({ id }) => id), canaryShare };
  return Trials.open({ ...held, layout, rollout, now: Date.now, onDecision: onSwap, onProblem });
}

async function openMemory(
  { memory: options, onProblem, replica = null }: LearningOptions,
  layout: LearningLayout,
  keeper: Keeper,
  closers: Closer[],
) {
  if (options === null) return { memory: null, feeder: null };
  const store = await MemoryStore.open(layout.memory, options, onProblem);
  closers.push(() => store.close());
  const tell: MemoryOptions['tell'] = async (tenant, change) =>
    (await keeper.call('amend', { tenant, change })).id;
  const memory = new Memory({
    ...options,
    store,
    now: () => Date.now(),
    ...(replica === null ? {} : { tell }),
  });
  const feeder = await MemoryFeeder.open({
    memory,
    log: layout.feedback,
    cursor: join(layout.cursors, 'memory.json'),
    onProblem,
  });
  const reEncoding = new ReEncoding({ ...options, store, onProblem });
  closers.push(
    () => feeder.close(),
    () => reEncoding.close(),
  );
  return { memory, feeder };
}
