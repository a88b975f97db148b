/** The real toxiproxy in front of a Redis: a way that is made slow, cut short, reset or closed as its "toxics" say. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { until } from '../until.ts';
import { freePort } from './redis-server.ts';

const program = process.env.MILLRACE_TEST_TOXIPROXY ?? 'toxiproxy-server';
/** Why the tests with it are skipped; false where they run. */
export const noToxiproxy: string | false =
  spawnSync(program, ['-version'], { timeout: 10_000 }).status === 0
    ? false
    : 'toxiproxy is neither on the PATH, as toxiproxy-server, nor named by MILLRACE_TEST_TOXIPROXY';

const startMs = 10_000;
const stopMs = 5_000;
const askMs = 5_000;
const name = 'redis';

export interface Toxic {
  /** "downstream" is from Redis to us. */
  readonly stream: 'upstream' | 'downstream';
  readonly type: 'latency' | 'timeout' | 'limit_data' | 'reset_peer' | 'slow_close';
  readonly attributes: Readonly<Record<string, number>>;
}

export class Toxiproxy {
  readonly port: number;
  readonly url: string;
  private readonly api: string;
  private readonly child: ChildProcess;
  private numToxics = 0;

  private constructor(port: number, apiPort: number) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.api = `http://127.0.0.1:${apiPort}`;
    this.child = spawn(program, ['-host', '127.0.0.1', '-port', String(apiPort)], { stdio: 'ignore' });
    this.child.on('error', () => {});
  }

  static async start(target: number): Promise<Toxiproxy> {
    const proxy = new Toxiproxy(await freePort(), await freePort());
    try {
      await until(() => proxy.answers(), 'toxiproxy answers', startMs);
      const [listen, upstream] = [`127.0.0.1:${proxy.port}`, `127.0.0.1:${target}`];
      await proxy.post('/proxies', { name, listen, upstream, enabled: true });
      return proxy;
    } catch (error) {
      await proxy.close();
      throw error;
    }
  }

  async add({ stream, type, attributes }: Toxic): Promise<void> {
    const toxic = { name: `toxic-${++this.numToxics}`, type, stream, toxicity: 1, attributes };
    await this.post(`/proxies/${name}/toxics`, toxic);
  }

  /** Ends the connections, and refuses others. */
  refuse(): Promise<void> {
    return this.post(`/proxies/${name}`, { enabled: false });
  }

  /** Open, and without toxics. */
  mend(): Promise<void> {
    return this.post('/reset', {});
  }

  async close(): Promise<void> {
    if (this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null)
      return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    const timer = setTimeout(() => this.child.kill('SIGKILL'), stopMs);
    this.child.kill('SIGTERM');
    await gone;
    clearTimeout(timer);
  }

  private async answers(): Promise<boolean> {
    return fetch(`${this.api}/version`, { signal: AbortSignal.timeout(askMs) }).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  private async post(path: string, body: object): Promise<void> {
    const answer = await fetch(`${this.api}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(askMs),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`toxiproxy, ${path}: ${answer.status} ${text}`);
  }
}
