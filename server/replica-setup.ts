/** This server among others: what it shares with them and does for them, as the configuration says. */
import { type Closer, closeAll } from '../core/close-all.ts';
import { MillraceError } from '../core/errors.ts';
import type { LogRecord } from '../core/feedback/record.ts';
import type { LearningLayout } from '../core/registry/learning-layout.ts';
import type { CarriedLog } from './cluster/carried-log.ts';
import { type FeedbackMirror, openFeedbackMirror } from './cluster/feedback-mirror.ts';
import { type FollowerMirror, openFollowerMirror } from './cluster/follower-mirror.ts';
import { Leadership } from './cluster/leadership.ts';
import { type LearnerMirror, openLearnerMirror } from './cluster/learner-mirror.ts';
import { ObservationInbox } from './cluster/observation-inbox.ts';
import { ObservationOutbox } from './cluster/observation-outbox.ts';
import { Presence } from './cluster/presence.ts';
import { ReplicatedAliases } from './cluster/replicated-aliases.ts';
import { withReadiness } from './cluster/roster.ts';
import { sharedKeeper } from './cluster/shared-keeper.ts';
import { SharedResponses } from './cluster/shared-responses.ts';
import { replicaName } from './cluster-setup.ts';
import type { Config } from './config/declaration.ts';
import type { Learning } from './learning/learning.ts';
import type { Replica } from './learning/replica.ts';
import { RedisAliases } from './redis/redis-aliases.ts';
import { RedisLeaderLock } from './redis/redis-leader-lock.ts';
import type { RedisLink } from './redis/redis-link.ts';
import { RedisLogStream } from './redis/redis-log-stream.ts';
import { RedisObservations } from './redis/redis-observations.ts';
import { RedisRoster } from './redis/redis-roster.ts';
import { RedisShelf } from './redis/redis-shelf.ts';
import type { TrialObservation } from './rollout/trial-observation.ts';
import { openVersionTravel, type VersionTravel } from './version-travel.ts';

export interface ReplicaNeeds {
  readonly link: RedisLink;
  readonly layout: LearningLayout;
  /** Names of the models that are rolled out. */
  readonly models: readonly string[];
  readonly programVersion: string;
  /** A term of this learner begins, or has ended: it may train, or may not. */
  readonly onLead: (mayTrain: boolean) => void;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
}

export interface JoinedReplica {
  readonly replica: Replica;
  /** What learning has opened is told of the others, and the others of it, from now on. */
  join(learning: Learning): Promise<void>;
  /** Nothing more is taken from others, and nothing is given. */
  close(): Promise<void>;
}

/** Lines that each stream holds: of feedback some days of a busy service, of versions what a replica may miss while it is away. */
const maxEntries = { feedback: 100_000, fates: 100_000, versions: 10_000, observations: 100_000 } as const;
const maxObservationsWaiting = 10_000;
const maxResponseCharacters = 256 * 2 ** 10;
const pollMs = 100;
/** A replica that was away for longer reads again what the streams still hold. */
const groupIdleMs = 30 * 24 * 3_600_000;
const rosterTtlMs = 10_000;
const announceMs = 2_000;
const hourMs = 3_600_000;

/** Does not wait for Redis. Throws what reading this replica's aliases throws, and what the files' listener throws. */
export async function openReplica(config: Config, needs: ReplicaNeeds): Promise<JoinedReplica> {
  const closers: Closer[] = [];
  try {
    return await open(config, needs, closers);
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function open(config: Config, needs: ReplicaNeeds, closers: Closer[]): Promise<JoinedReplica> {
  const { link, layout, models, info, warn } = needs;
  const role = config['cluster.role'];
  const origin = replicaName(config);
  const leadership = role === 'learner' ? openLeadership(config, needs, closers) : null;
  // What is served is said under its token, from the start on.
  await leadership?.asked();
  const shared = new RedisAliases(link);
  closers.push(() => shared.close());
  const aliases = await ReplicatedAliases.open({
    shared,
    file: layout.aliases,
    fence: () => (leadership === null ? undefined : leadership.fence()),
    onProblem: warn,
  });
  let learning: Learning | null = null;
  const travel = await openVersionTravel(config, {
    layout,
    learnerUrl: () => presence.learner?.filesUrl ?? null,
    onProblem: warn,
  });
  closers.push(() => travel.close());
  const presence = new Presence({
    roster: new RedisRoster(link, { ttlMs: rosterTtlMs }),
    everyMs: announceMs,
    self: {
      ...{ id: origin, role, url: null, filesUrl: travel.url },
      ...{ version: needs.programVersion, startedAt: new Date().toISOString() },
    },
    aliasesRevision: () => aliases.revision,
    bases: () => models.map((model) => [model, learning?.rollout.baseOf(model) ?? null] as const),
    onProblem: warn,
  });
  closers.push(() => presence.close());
  const observations = new RedisObservations<TrialObservation>(link, maxEntries.observations);
  closers.push(() => observations.close());
  const outbox = new ObservationOutbox<TrialObservation>(observations, {
    origin: `${origin}-${Date.now().toString(36)}`,
    max: maxObservationsWaiting,
    onLost: (count) =>
      warn(`${count} observations of versions on trial are lost: the learner does not take them`),
  });
  closers.push(() => outbox.close());
  const responses = new SharedResponses({
    shelf: new RedisShelf(link, 'response'),
    keepMs: config['feedback.keepResponsesHours'] * hourMs,
    maxCharacters: maxResponseCharacters,
    now: () => Date.now(),
  });
  closers.push(() => responses.close());
  let onAppended = (): void => {};
  let logs = (): readonly CarriedLog[] => [];
  const replica: Replica = {
    id: origin,
    role,
    learner: () => presence.learner?.id ?? 'which is not there at the moment',
    isLeader: () => (leadership === null ? null : leadership.fence() !== null),
    all: () => withReadiness(presence.replicas),
    logs: () => logs(),
    aliases,
    fetchAdapter: (id) => travel.source.ensure({ kind: 'adapter', id }),
    fetchBase: (model, version) => travel.source.ensure({ kind: 'base', model, version }),
    tell: (model, adapter, error) => presence.tell(model, adapter, error),
    adopted: (adoption) => presence.adopted(adoption),
    sharing: (keeper) => sharedKeeper(keeper, responses, () => onAppended()),
    onKept: (response) => responses.put(response),
    othersReady: (model, base, adapter) => othersReady(config, presence, { model, base, adapter }),
    observe: (observation) => outbox.add(observation),
  };
  return {
    replica,
    async join(joined) {
      learning = joined;
      const mirrors = await openMirrors(needs, { origin, role, travel, learning }, closers);
      onAppended = () => mirrors.feedback.wake();
      logs = () => [...mirrors.feedback.state(), ...mirrors.ofTrainer.state()];
      if (leadership !== null) {
        const inbox = new ObservationInbox(
          observations,
          (observation) => joined.trials.observe(observation),
          () => leadership.fence() !== null,
        );
        closers.push(() => inbox.close());
      }
      info(`it is the replica ${origin}, a ${role}`);
    },
    close: () => closeAll(closers),
  };
}

function openLeadership(config: Config, { link, onLead, info }: ReplicaNeeds, closers: Closer[]): Leadership {
  const ttlMs = config['cluster.lockMs'];
  const holder = `${replicaName(config)} ${process.pid} ${Date.now()}`;
  const leadership = new Leadership({
    lock: new RedisLeaderLock(link, { holder, ttlMs }),
    ttlMs,
    nowMs: () => performance.now(),
    onChange(fence) {
      info(
        fence === null
          ? 'it does not hold the lock of the learner any more'
          : 'it holds the lock of the learner',
      );
      onLead(fence !== null);
    },
  });
  closers.push(() => leadership.close());
  return leadership;
}

/** Throws replicas_not_ready. */
async function othersReady(
  config: Config,
  presence: Presence,
  about: { readonly model: string; readonly base: string; readonly adapter: string },
): Promise<void> {
  const percent = config['cluster.readyPercent'];
  const withinMs = config['cluster.readyWaitMs'];
  if (await presence.areReady(about, { percent, withinMs })) return;
  throw new MillraceError('replicas_not_ready', { percent, version: about.adapter, retryAfterMs: 1_000 });
}

interface MirrorParts {
  readonly origin: string;
  readonly role: Config['cluster.role'];
  readonly travel: VersionTravel;
  readonly learning: Learning;
}

interface Mirrors {
  readonly feedback: FeedbackMirror;
  /** Of what the trainer has decided. */
  readonly ofTrainer: LearnerMirror | FollowerMirror;
}

async function openMirrors(
  { link, layout, warn: onProblem }: ReplicaNeeds,
  { origin, role, travel, learning }: MirrorParts,
  closers: Closer[],
): Promise<Mirrors> {
  const logs = link.duplicate('logs');
  closers.push(() => logs.close());
  const stream = (name: 'feedback' | 'fates' | 'versions') =>
    new RedisLogStream({ link: logs, name, maxEntries: maxEntries[name] });
  const options = { origin, pollMs, groupIdleMs, onProblem, layout };
  const feedback = await openFeedbackMirror({
    ...options,
    keeper: learning.keeper,
    stream: stream('feedback'),
    onReceived: (records) => take(learning, role, records),
  });
  closers.push(() => feedback.close());
  const streams = { fates: stream('fates'), versions: stream('versions') };
  const ofTrainer =
    role === 'learner'
      ? await openLearnerMirror({ ...options, streams, offer: travel.offer })
      : await openFollowerMirror({ ...options, streams, source: travel.source, maxKnown: maxEntries.fates });
  // Whoever waits for a version is told first that there is nothing to wait for.
  closers.push(
    () => ofTrainer.close(),
    () => travel.source.close(),
  );
  return { feedback, ofTrainer };
}

/** What other replicas were told counts here, too. */
function take(learning: Learning, role: Config['cluster.role'], records: readonly LogRecord[]): void {
  learning.wake();
  if (role === 'follower') return;
  for (const record of records) if (record.type === 'feedback') learning.trials.observeFeedback(record);
}
