/**
 * A server under test by name: kept running as a supervisor would, in the same folders and on the same ports, and ended in
 * every way. What it did by itself is told apart from what was done to it.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Served, serve } from '../e2e/program.ts';
import { childOf, type Orphans, type Role } from './processes.ts';

export interface GatewayOptions {
  readonly name: string;
  readonly learningDir: string;
  /** Arguments of `millrace serve` beside ports and folder. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly orphans: Orphans;
}

/** When it may have answered nothing, and why: `ended` is an orderly end, which breaks no request that it has taken. */
export interface Outage {
  readonly kind: 'killed' | 'ended';
  readonly fromMs: number;
  /** Infinite while it lasts. */
  toMs: number;
}

const startMs = 20_000;
const endMs = 15_000;
const retryMs = 300;
/** In a row, of starts that nothing was done to. */
const maxFailedStarts = 5;
const maxSaid = 400_000;

export class Gateway {
  readonly name: string;
  readonly learningDir: string;
  readonly outages: Outage[] = [];
  /** Ends that nobody asked for, and starts that failed. */
  readonly complaints: string[] = [];
  url = '';
  adminUrl = '';
  /** All that its processes have said, the last of it. */
  said = '';
  /** While this is set, a start may fail: the disk is away. */
  mayFail = false;
  private readonly options: GatewayOptions;
  private ports: readonly [string, string] = ['0', '0'];
  private child: ChildProcess | null = null;
  private isWanted = true;
  private isExpected = false;
  private supervision: Promise<void> = Promise.resolve();

  constructor(options: GatewayOptions) {
    this.options = options;
    this.name = options.name;
    this.learningDir = options.learningDir;
  }

  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  /** Resolves when it serves; from then on it is started again whenever it has ended. Throws when it cannot be started. */
  async start(): Promise<void> {
    this.isWanted = true;
    const served = await this.launch();
    this.supervision = this.supervise(served).catch((error: Error) => this.tell(error.message));
  }

  childOf(role: Role): number | null {
    return this.pid === null ? null : childOf(this.pid, role);
  }

  /** By SIGKILL, also in the middle of a start. */
  kill(): void {
    this.leave('killed', 'SIGKILL');
  }

  /** By SIGTERM; it is started again when it has ended. */
  restart(): void {
    this.leave('ended', 'SIGTERM');
  }

  /** By SIGTERM, for good. Null where it had to be killed. */
  async end(): Promise<number | null> {
    this.isWanted = false;
    const { child } = this;
    if (child === null) return null;
    const ended = once(child, 'exit') as Promise<[number | null]>;
    this.leave('ended', 'SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), endMs);
    const [code] = await ended;
    clearTimeout(timer);
    await this.supervision;
    return code;
  }

  private leave(kind: Outage['kind'], signal: NodeJS.Signals): void {
    const { child } = this;
    if (child?.pid === undefined) return;
    this.isExpected = true;
    this.outages.push({ kind, fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY });
    this.options.orphans.expect(child.pid);
    child.kill(signal);
  }

  private async supervise(first: Served): Promise<void> {
    let served = first;
    for (;;) {
      const code = await served.exit;
      this.child = null;
      if (!this.isExpected) this.tell(`${this.name} ended by itself, with ${code}`);
      if (!this.isWanted) return;
      served = await this.launch();
    }
  }

  /** Tries until it serves. Throws after too many failures. */
  private async launch(): Promise<Served> {
    for (let numFailed = 0; numFailed < maxFailedStarts; ) {
      this.isExpected = false;
      try {
        const served = await this.spawn();
        const { port } = new URL(served.url);
        this.ports = [port, new URL(served.adminUrl).port];
        [this.url, this.adminUrl] = [served.url, served.adminUrl];
        const nowMs = performance.now();
        for (const outage of this.outages) outage.toMs = Math.min(outage.toMs, nowMs);
        return served;
      } catch (error) {
        if (!this.isExpected && !this.mayFail) {
          numFailed++;
          this.tell(`${this.name} did not start: ${error}`);
        }
        await sleep(retryMs);
      }
    }
    throw new Error(`${this.name} is given up after ${maxFailedStarts} starts that failed`);
  }

  private spawn(): Promise<Served> {
    const { args, env, learningDir } = this.options;
    const [port, adminPort] = this.ports;
    const own = ['--port', port, '--admin-port', adminPort, '--learning-dir', learningDir];
    return serve([...args, ...own], {
      startMs,
      env,
      onSpawn: (child) => {
        this.child = child;
        const hear = (bytes: Buffer): void => {
          this.said = (this.said + bytes.toString()).slice(-maxSaid);
        };
        for (const stream of [child.stdout, child.stderr]) stream?.on('data', hear);
      },
    });
  }

  private tell(complaint: string): void {
    const nowMs = performance.now();
    this.outages.push({ kind: 'killed', fromMs: nowMs, toMs: Number.POSITIVE_INFINITY });
    this.complaints.push(complaint);
  }
}
