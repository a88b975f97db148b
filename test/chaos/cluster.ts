/**
 * What is under test: members by name, each with its disk and its clock. One gateway with its trainer today; more gateways
 * and what they share are further members.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { learningLayout } from '../../core/registry/learning-layout.ts';
import { modelName, type TinyModel } from '../e2e/tiny-model.ts';
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
  readonly encoder: string;
}

/** What outlives its server by more is an orphan. */
const orphanMs = 5_000;
const numImported = 6;

const argsOf = ({ model, encoder }: ClusterOptions): readonly string[] => [
  ...['--models-dir', model.modelsDir, '--model', modelName, '--models-embeddings', encoder],
  ...['--engine-max-context', '128', '--engine-threads', '1', '--learning-threads', '1'],
  // Traffic is faster than users, and the whole model is so small that all of it learns.
  ...[
    '--learning-settle-ms',
    '100',
    '--learning-max-rows-per-key-day',
    '1000000',
    '--learning-frozen-percent',
    '0',
  ],
  ...['--learning-alpha', '64', '--server-drain-ms', '8000', `--auth-keys=${authKeys}`],
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
    this.members = new Map(['gateway'].map((name) => [name, this.memberOf(name, unable)]));
  }

  get gateways(): readonly Gateway[] {
    return [...this.members.values()].map(({ gateway }) => gateway);
  }

  /** "gateway/trainer" → the gateway, "trainer". */
  find(target: Target): { readonly member: Member; readonly child: string | null } {
    const [name, child = null] = target.split('/');
    return { member: this.members.get(name!)!, child };
  }

  /** With versions that nobody has learned, for an operator to promote. `base` is the model's digest. */
  async start(base: string): Promise<void> {
    for (const { gateway } of this.members.values()) {
      const { adapters } = learningLayout(gateway.learningDir);
      for (const [index, { name }] of tenants.slice(0, numImported).entries()) {
        const id = await this.options.model.publishAdapter(adapters, base, index + 1, name);
        this.imported.push({ id, tenant: name });
      }
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
    const args = argsOf(this.options);
    const { orphans } = this;
    return { disk, clock, gateway: new Gateway({ name, learningDir: disk.folder, args, env, orphans }) };
  }
}
