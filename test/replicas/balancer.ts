/** What stands between clients and replicas: a real proxy, or clients that choose among those that say they are ready. */
import { proxyKinds, reasonToSkip, startProxy } from '../e2e/proxy.ts';
import { isReady, type Replica } from './replica.ts';

export const balancerNames = ['endpoints', ...proxyKinds.map(({ name }) => name)] as const;
export type BalancerName = (typeof balancerNames)[number];

export interface Balancer {
  /** Where the next request goes, and the replica's name where it is known. */
  next(): { readonly url: string; readonly replica: string | null };
  close(): Promise<void>;
}

/** Why it cannot be tried; null where it can. */
export function noBalancer(name: BalancerName): string | null {
  const kind = proxyKinds.find((each) => each.name === name);
  return kind === undefined ? null : reasonToSkip(kind);
}

export async function startBalancer(name: BalancerName, replicas: readonly Replica[]): Promise<Balancer> {
  const kind = proxyKinds.find((each) => each.name === name);
  if (kind === undefined) return new Endpoints(replicas);
  const proxy = await startProxy(
    kind,
    replicas.map(({ port }) => port),
  );
  const url = `http://127.0.0.1:${proxy.port}`;
  return { next: () => ({ url, replica: null }), close: () => proxy.stop() };
}

/** Half of what proxies leave between two looks, as docs/proxies.md has it. */
const lookEveryMs = 500;

/**
 * In turn over those that were ready at the last look: what a service of Kubernetes does, whose endpoints follow readiness
 * with a delay. Nothing is sent again, so that each failure is seen, and the replica that it comes from.
 */
class Endpoints implements Balancer {
  private readonly replicas: readonly Replica[];
  private ready: readonly Replica[];
  private turn = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(replicas: readonly Replica[]) {
    [this.replicas, this.ready] = [replicas, replicas];
    this.timer = setInterval(() => void this.look(), lookEveryMs);
  }

  next(): { readonly url: string; readonly replica: string | null } {
    const all = this.ready.length === 0 ? this.replicas : this.ready;
    const { url, name } = all[this.turn++ % all.length]!;
    return { url, replica: name };
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const states = await Promise.all(this.replicas.map(({ url }) => isReady(url)));
    this.ready = this.replicas.filter((_, index) => states[index]);
  }
}
