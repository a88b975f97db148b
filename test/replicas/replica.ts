/** One server of several over a folder and ports that stay: ended and started again as an orchestrator does. */
import { type Served, serve } from '../e2e/program.ts';
import { until } from '../until.ts';

const startMs = 60_000;
const endMs = 60_000;
const answerMs = 5_000;

export interface OrderlyEnd {
  readonly code: number | null;
  /** From SIGTERM to the exit. */
  readonly tookMs: number;
}

export class Replica {
  readonly name: string;
  readonly learningDir: string;
  private readonly args: readonly string[];
  private served: Served | null = null;
  private ports: readonly [string, string] = ['0', '0'];

  constructor(name: string, learningDir: string, args: readonly string[]) {
    [this.name, this.learningDir, this.args] = [name, learningDir, args];
  }

  get port(): number {
    return Number(this.ports[0]);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.ports[1]}`;
  }

  /** All that the process that runs has said. */
  get said(): string {
    return this.served?.said() ?? '';
  }

  /** Resolves when it says that it is ready. */
  async start(): Promise<void> {
    const [port, adminPort] = this.ports;
    const own = ['--port', port, '--admin-port', adminPort, '--learning-dir', this.learningDir];
    this.served = await serve([...this.args, ...own], { startMs });
    this.ports = [new URL(this.served.url).port, new URL(this.served.adminUrl).port];
    await until(() => isReady(this.url), `${this.name} is ready`, startMs);
  }

  /** By SIGTERM. Throws when it does not end. */
  async end(): Promise<OrderlyEnd> {
    const { child, exit } = this.served!;
    const beginMs = performance.now();
    child.kill('SIGTERM');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.name} has not ended after ${endMs} ms`)), endMs);
    });
    const code = await Promise.race([exit, late]).finally(() => clearTimeout(timer));
    return { code, tookMs: performance.now() - beginMs };
  }

  /** By SIGKILL, without waiting for it. */
  abandon(): void {
    this.served?.child.kill('SIGKILL');
  }

  /** By SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.abandon();
    await this.served?.exit;
  }
}

export const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(answerMs) }).then(
    async (answer) => {
      await answer.body?.cancel();
      return answer.ok;
    },
    () => false,
  );
