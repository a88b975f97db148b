/**
 * What is under test: members by name, each with its disk and its clock. One gateway with its trainer, or a learner and its
 * followers, and the Redis that they share.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { modelName, type TinyModel } from '../e2e/tiny-model.ts';
import type { RedisServer } from '../redis/redis-server.ts';
import { ClockShift, clockProblem } from './clock-shift.ts';
import { Disk, mountProblem } from './disk.ts';
import { Gateway } from './gateway.ts';
import { Orphans } from './processes.ts';
import type { FaultKind, Target } from './schedule.ts';
import { authKeys, tenants } from './tenants.ts';

/** A gateway with what can be done to it from outside. */
export interface Member {
  readonly gateway: Gateway;
  readonly disk: Disk;
  readonly clock: ClockShift;
}

export interface ClusterOptions {
  readonly root: string;
  readonly model: TinyModel;
  /** Name of the model; empty serves none. */
  readonly encoder: string;
  /** Gateways that act as one; with one there is no Redis. */
  readonly replicas: number;
  readonly redis: RedisServer | null;
}

/** What outlives its server by more is an orphan. */
const orphanMs = 5_000;
const numImported = 6;
const learner = 'gateway';

const argsOf = ({ model, encoder }: ClusterOptions): readonly string[] => [
  ...['--models-dir', model.modelsDir, '--model', modelName, `--models-embeddings=${encoder}`],
  ...['--engine-max-context', '128', '--engine-threads', '1', '--learning-threads', '1'],
  // Traffic is faster than users, and the whole model is so small that all of it learns.
  ...['--learning-settle-ms', '100', '--learning-max-rows-per-key-day', '1000000'],
  ...['--learning-frozen-percent', '0', '--learning-alpha', '64'],
  ...['--server-drain-ms', '8000', `--auth-keys=${authKeys}`],
];

const replicaArgs = (name: string, { url }: RedisServer): readonly string[] => [
  ...['--cluster-redis-url', url, '--cluster-replica', name, '--cluster-token', 'of the chaos'],
  ...['--cluster-role', name === learner ? 'learner' : 'follower', '--cluster-files-port', '0'],
  ...['--cluster-lock-ms', '1000', '--cluster-ready-wait-ms', '3000'],
];

/** Why a kind of fault cannot be made on this machine. */
export function inability(): ReadonlyMap<FaultKind, string> {
  const [mount, clock] = [mountProblem(), clockProblem()];
  return new Map<FaultKind, string>([
    ...(mount === null
      ? []
      : ([
          ['disk-full', mount],
          ['read-only', mount],
        ] as const)),
    ...(clock === null ? [] : ([['clock', clock]] as const)),
  ]);
}

export class Cluster {
  readonly members: ReadonlyMap<string, Member>;
  readonly orphans = new Orphans(orphanMs);
  /** Versions that an operator may promote, each of a tenant. */
  readonly imported: { readonly id: string; readonly tenant: string }[] = [];
  private readonly options: ClusterOptions;

  constructor(options: ClusterOptions, unable: ReadonlyMap<FaultKind, string>) {
    this.options = options;
    const followers = Array.from({ length: options.replicas - 1 }, (_, index) => `follower-${index + 1}`);
    this.members = new Map([learner, ...followers].map((name) => [name, this.memberOf(name, unable)]));
  }

  get redis(): RedisServer | null {
    return this.options.redis;
  }

  /** The gateway that has the trainer. */
  get learner(): Gateway {
    return this.members.get(learner)!.gateway;
  }

  get gateways(): readonly Gateway[] {
    return [...this.members.values()].map(({ gateway }) => gateway);
  }

  /** "gateway/trainer" → the gateway, "trainer". Not for "redis". */
  find(target: Target): { readonly member: Member; readonly child: string | null } {
    const [name, child = null] = target.split('/');
    return { member: this.members.get(name!)!, child };
  }

  /** With versions that nobody has learned, for an operator to promote. `base` is the model's digest. */
  async start(base: string): Promise<void> {
    const { adapters } = learningLayout(this.learner.learningDir);
    for (const [index, { name }] of tenants.slice(0, numImported).entries()) {
      const id = await this.options.model.publishAdapter(adapters, base, index + 1, name);
      this.imported.push({ id, tenant: name });
    }
    await Promise.all(this.gateways.map((gateway) => gateway.start()));
  }

  /** All that was done is undone, but for processes. */
  heal(): void {
    for (const { disk } of this.members.values()) {
      disk.empty();
      disk.thaw();
    }
  }

  close(): void {
    this.orphans.close();
    for (const { disk, gateway } of this.members.values()) {
      if (gateway.pid !== null) process.kill(gateway.pid, 'SIGKILL');
      disk.close();
    }
  }

  private memberOf(name: string, unable: ReadonlyMap<FaultKind, string>): Member {
    const folder = join(this.options.root, name);
    mkdirSync(folder, { recursive: true });
    const clock = new ClockShift(folder);
    const disk = new Disk(join(folder, 'state'), !unable.has('disk-full'));
    const env = unable.has('clock') ? {} : clock.env;
    const { redis } = this.options;
    const args = [...argsOf(this.options), ...(redis === null ? [] : replicaArgs(name, redis))];
    const { orphans } = this;
    return { disk, clock, gateway: new Gateway({ name, learningDir: disk.folder, args, env, orphans }) };
  }
}
