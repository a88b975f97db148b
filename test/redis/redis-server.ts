/** A real redis-server on a free port, in a folder of its own, that tests may stop, kill, break and start again. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { pause } from '../until.ts';

/** Why the tests with a real Redis are skipped; false where they run. */
export const noRedis: string | false =
  spawnSync('redis-server', ['--version']).status === 0 ? false : 'redis-server is not installed';

const startMs = 10_000;
const stopMs = 5_000;

export interface RedisServerOptions {
  /** More of redis-server's arguments, "--maxmemory", "4mb" for example. */
  readonly args?: readonly string[];
  readonly password?: string;
}

export class RedisServer {
  readonly port: number;
  readonly url: string;
  private readonly folder: string;
  private readonly options: RedisServerOptions;
  private child: ChildProcess | null = null;

  private constructor(port: number, options: RedisServerOptions) {
    this.port = port;
    this.options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'redis-'));
    const user = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
    this.url = `redis://${user}127.0.0.1:${port}`;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options);
    await server.start();
    return server;
  }

  /** Starts it again, on the same port, with what it saved before. */
  async start(): Promise<void> {
    const { password, args = [] } = this.options;
    const child = spawn(
      'redis-server',
      [
        ...['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder],
        ...['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--daemonize', 'no'],
        ...(password === undefined ? [] : ['--requirepass', password]),
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.child = child;
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        said = (said + bytes).slice(-10_000);
      });
    }
    const endMs = Date.now() + startMs;
    while (!(await this.answers())) {
      if (child.exitCode !== null || Date.now() > endMs) {
        await this.kill();
        throw new Error(`redis-server did not start:\n${said}`);
      }
      await pause(20);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(stopMs) });
    child.kill('SIGKILL');
    await ended;
  }

  /** Forgets all that is on the disk; of a server that does not run. */
  forget(): void {
    rmSync(join(this.folder, 'appendonlydir'), { recursive: true, force: true });
  }

  /** One command on a connection of its own. */
  async ask(command: string, ...args: (string | number)[]): Promise<unknown> {
    const redis = this.client();
    try {
      return await redis.call(command, ...args);
    } finally {
      redis.disconnect();
    }
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private client(): Redis {
    const redis = new Redis(this.url, {
      connectTimeout: 1_000,
      commandTimeout: 5_000,
      retryStrategy: null,
      maxRetriesPerRequest: 0,
    });
    redis.on('error', () => {});
    return redis;
  }

  private async answers(): Promise<boolean> {
    return this.ask('ping').then(
      () => true,
      () => false,
    );
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
