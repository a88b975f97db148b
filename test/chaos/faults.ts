/** Makes a planned fault happen, and what is to end by itself end. Says what it found to do. */

import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Turns } from '../../core/turns.ts';
import { modelName } from '../e2e/tiny-model.ts';
import type { RedisServer } from '../redis/redis-server.ts';
import type { Cluster, Member } from './cluster.ts';
import { exchange } from './exchange.ts';
import type { Role } from './processes.ts';
import type { DiskFault, Fault, OperatorMove } from './schedule.ts';
import { operator, tenants } from './tenants.ts';

const operatorMs = 10_000;
export const redisName = 'redis';
const awayMs = 700;

/** Resolves when it is over, for whoever it was done to may be gone by then. */
export async function inflict(cluster: Cluster, fault: Fault): Promise<string> {
  if (fault.target === redisName) return strike(cluster.redis!, fault);
  const { member, child } = cluster.find(fault.target);
  const { gateway, clock } = member;
  switch (fault.kind) {
    case 'kill':
    case 'stop':
      if (child !== null || fault.kind === 'stop') return signal(member, child as Role | null, fault);
      gateway.kill();
      return 'done';
    case 'restart':
      gateway.restart();
      return 'done';
    case 'clock':
      clock.jump(fault.jumpMs);
      return 'done';
    case 'disk-full':
    case 'read-only':
      return takeDisk(member, fault);
    case 'promote':
    case 'rollback':
      return operate(cluster, member, fault);
  }
}

/** Redis is one process, which its supervisor starts again after a moment. */
const strike = turnsOf(async (redis: RedisServer, fault: Fault): Promise<string> => {
  if (fault.kind === 'stop') {
    redis.signal('SIGSTOP');
    await sleep(fault.forMs);
    redis.signal('SIGCONT');
    return 'stopped, and not any more';
  }
  await redis.kill();
  // What it was told last may be lost with it.
  if (fault.kind === 'restart') redis.forget();
  await sleep(awayMs);
  await redis.start();
  return fault.kind === 'restart' ? 'away, and empty when it came back' : 'away, and back';
});

/** One after the other. */
function turnsOf<A extends readonly unknown[], R>(work: (...of: A) => Promise<R>): (...of: A) => Promise<R> {
  const turns = new Turns();
  return (...of) => turns.run(() => work(...of));
}

async function signal(
  { gateway }: Member,
  role: Role | null,
  fault: Extract<Fault, { kind: 'kill' | 'stop' }>,
): Promise<string> {
  const pid = role === null ? gateway.pid : gateway.childOf(role);
  if (pid === null) return 'it was not there';
  if (fault.kind === 'kill') return send(pid, 'SIGKILL');
  const said = send(pid, 'SIGSTOP');
  await sleep(fault.forMs);
  return `${said}, then ${send(pid, 'SIGCONT')}`;
}

function send(pid: number, name: NodeJS.Signals): string {
  try {
    process.kill(pid, name);
    return `${name} to ${pid}`;
  } catch {
    return `${pid} was gone`;
  }
}

async function takeDisk({ disk, gateway }: Member, { kind, forMs }: DiskFault): Promise<string> {
  if (gateway.mayFail) return 'the disk was taken already';
  gateway.mayFail = true;
  if (kind === 'disk-full') disk.fill();
  // Where versions are published alone, or everywhere.
  else disk.freeze(forMs % 2 === 0 ? 'adapters' : '.');
  await sleep(forMs);
  if (kind === 'disk-full') disk.empty();
  else disk.thaw();
  gateway.mayFail = false;
  return 'over';
}

async function operate({ imported }: Cluster, { gateway }: Member, fault: OperatorMove): Promise<string> {
  const { id, tenant } = imported[fault.pick % imported.length]!;
  const isPromotion = fault.kind === 'promote';
  const path = isPromotion ? `/admin/versions/${id}/promote` : '/admin/rollback';
  const whose = isPromotion ? tenant : tenants[fault.pick % tenants.length]!.name;
  const body = { model: modelName, tenant: whose };
  const { headers } = operator;
  const ask = { method: 'POST', path, body, headers, deadlineMs: operatorMs } as const;
  const { status, error } = await exchange(gateway.adminUrl, ask, new Agent());
  return `${whose}: answered with ${status ?? error}`;
}
