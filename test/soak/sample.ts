/** What a server holds at a moment: of each of its processes memory and descriptors, of the gateway what its metrics say. */
import { readdirSync } from 'node:fs';
import { Agent } from 'node:http';
import { residentMb } from '../../loadtest/processes.ts';
import { exchange } from '../chaos/exchange.ts';
import { childOf, type Role } from '../chaos/processes.ts';
import { operator } from '../chaos/tenants.ts';

/** Name to value: "gateway resident, MB". */
export type Sample = Readonly<Record<string, number>>;

const askMs = 5_000;
const roles: readonly Role[] = ['engine', 'encoder', 'trainer'];

export async function sampleOf(pid: number, adminUrl: string): Promise<Sample> {
  const processes = [['gateway', pid] as const, ...roles.map((role) => [role, childOf(pid, role)] as const)];
  const memory = residentMb(pid);
  const sample: Record<string, number> = {};
  for (const [name, id] of processes) {
    if (id === null) continue;
    sample[`${name} resident, MB`] = memory[id] ?? 0;
    sample[`${name} descriptors`] = descriptorsOf(id);
  }
  return { ...sample, ...(await metricsOf(adminUrl)) };
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

async function metricsOf(adminUrl: string): Promise<Sample> {
  const ask = { method: 'GET', path: '/metrics', headers: operator.headers, deadlineMs: askMs } as const;
  const { text } = await exchange(adminUrl, ask, new Agent());
  const sum = (start: string): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(start))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
  return {
    'gateway handles': sum('nodejs_active_handles{'),
    'gateway timers': sum('nodejs_active_handles{type="Timeout"}'),
    'event loop lag p99, ms': 1_000 * sum('millrace_event_loop_lag_seconds{stat="p99"}'),
    'event loop lag max, ms': 1_000 * sum('millrace_event_loop_lag_seconds{stat="max"}'),
  };
}
