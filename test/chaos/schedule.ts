/** What is done to a cluster and when, drawn from a seed. Pure: the same seed and the same abilities, the same schedule. */
import { createRng, type Rng } from '../../core/rng.ts';

/** Processes by name: the members of the cluster, and below each the children that it may have. */
export type Target = string;

export type Fault =
  | { readonly kind: 'kill'; readonly target: Target }
  | { readonly kind: 'stop'; readonly target: Target; readonly forMs: number }
  /** An orderly end, and a new start. */
  | { readonly kind: 'restart'; readonly target: Target }
  | DiskFault
  /** Of the wall clock alone; later jumps add up. */
  | { readonly kind: 'clock'; readonly target: Target; readonly jumpMs: number }
  /** What an operator does meanwhile. */
  | OperatorMove;

export interface DiskFault {
  readonly kind: 'disk-full' | 'read-only';
  readonly target: Target;
  readonly forMs: number;
}

export interface OperatorMove {
  readonly kind: 'promote' | 'rollback';
  readonly target: Target;
  /** Which of the versions that there are. */
  readonly pick: number;
}

export type FaultKind = Fault['kind'];

export interface Planned {
  readonly atMs: number;
  readonly fault: Fault;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Members that have an engine, an encoder and a trainer below them. */
  readonly gateways: readonly string[];
  /** Members without children: kill, stop and restart are all that happens to them. */
  readonly others: readonly string[];
  /** Why a kind of fault cannot be made here. */
  readonly unable: ReadonlyMap<FaultKind, string>;
}

const firstMs = 800;
/** After the last fault: what follows it is still under load. */
const quietMs = 3_000;
const gapMs = [500, 2_200] as const;
/** A host or trainer that dies again and again comes back ever later: more would only measure the pause. */
const maxKillsOfOne = 3;
const hourMs = 3_600_000;

/** How often each is drawn, relative to the others. */
const draws: readonly (readonly [weight: number, draw: (rng: Rng, options: ScheduleOptions) => Fault])[] = [
  [4, (rng, { gateways }) => ({ kind: 'kill', target: `${pick(rng, gateways)}/engine` })],
  [2, (rng, { gateways }) => ({ kind: 'kill', target: `${pick(rng, gateways)}/encoder` })],
  [5, (rng, { gateways }) => ({ kind: 'kill', target: `${pick(rng, gateways)}/trainer` })],
  [3, (rng, members) => ({ kind: 'kill', target: pick(rng, [...members.gateways, ...members.others]) })],
  [3, (rng, { gateways }) => stopped(rng, `${pick(rng, gateways)}/engine`, 2_000)],
  [1, (rng, { gateways }) => stopped(rng, `${pick(rng, gateways)}/encoder`, 2_000)],
  [2, (rng, { gateways }) => stopped(rng, `${pick(rng, gateways)}/trainer`, 3_000)],
  [2, (rng, members) => stopped(rng, pick(rng, [...members.gateways, ...members.others]), 1_500)],
  [2, (rng, members) => ({ kind: 'restart', target: pick(rng, [...members.gateways, ...members.others]) })],
  [
    3,
    (rng, { gateways }) => ({
      kind: 'disk-full',
      target: pick(rng, gateways),
      forMs: between(rng, 500, 2_500),
    }),
  ],
  [
    3,
    (rng, { gateways }) => ({
      kind: 'read-only',
      target: pick(rng, gateways),
      forMs: between(rng, 500, 2_500),
    }),
  ],
  [
    2,
    (rng, { gateways }) => ({
      kind: 'clock',
      target: pick(rng, gateways),
      jumpMs: rng.next() < 0.5 ? hourMs : -hourMs,
    }),
  ],
  [
    4,
    (rng, { gateways }) => ({ kind: 'promote', target: pick(rng, gateways), pick: between(rng, 0, 1_000) }),
  ],
  [
    2,
    (rng, { gateways }) => ({ kind: 'rollback', target: pick(rng, gateways), pick: between(rng, 0, 1_000) }),
  ],
];

export function scheduleOf(options: ScheduleOptions): readonly Planned[] {
  const rng = createRng(options.seed);
  const planned: Planned[] = [];
  const kills = new Map<Target, number>();
  const endMs = options.seconds * 1_000 - quietMs;
  for (let atMs = firstMs; atMs < endMs; atMs += between(rng, ...gapMs)) {
    const fault = draw(rng, options);
    if (options.unable.has(fault.kind)) continue;
    if (fault.kind === 'kill') {
      const count = (kills.get(fault.target) ?? 0) + 1;
      if (count > maxKillsOfOne) continue;
      kills.set(fault.target, count);
    }
    planned.push({ atMs, fault });
  }
  return planned;
}

/** One line for people. */
export function textOf({ atMs, fault }: Planned): string {
  const { kind, target } = fault;
  const more =
    'forMs' in fault ? ` for ${fault.forMs} ms` : 'jumpMs' in fault ? ` by ${fault.jumpMs} ms` : '';
  return `${(atMs / 1_000).toFixed(2).padStart(6)} s  ${kind} ${target}${more}`;
}

function draw(rng: Rng, options: ScheduleOptions): Fault {
  const total = draws.reduce((sum, [weight]) => sum + weight, 0);
  let left = rng.next() * total;
  for (const [weight, make] of draws) {
    left -= weight;
    if (left < 0) return make(rng, options);
  }
  return draws[0]![1](rng, options);
}

const between = (rng: Rng, least: number, most: number): number =>
  Math.round(least + rng.next() * (most - least));
const pick = (rng: Rng, targets: readonly Target[]): Target =>
  targets[Math.floor(rng.next() * targets.length)]!;

const stopped = (rng: Rng, target: Target, mostMs: number): Fault => ({
  kind: 'stop',
  target,
  forMs: between(rng, 200, mostMs),
});
