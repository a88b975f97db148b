/** A real OpenTelemetry Collector: takes OTLP over HTTP, writes what it took to files, and shows metrics to Prometheus. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OtlpBody, type ReceivedSpan, spansIn } from '../api/otlp-receiver.ts';
import { freePort } from '../redis/redis-server.ts';
import { until } from '../until.ts';

const program = process.env.MILLRACE_TEST_OTELCOL ?? 'otelcol';
const components = spawnSync(program, ['components'], { encoding: 'utf8', timeout: 10_000 });
const needed = ['otlp', 'file', 'prometheus'];
/** Why what needs one is skipped, or false. */
export const noCollector: string | false =
  components.status === 0 && needed.every((name) => new RegExp(`name: ${name}\\b`).test(components.stdout))
    ? false
    : 'no OpenTelemetry Collector with a file and a Prometheus exporter is on the PATH or named by MILLRACE_TEST_OTELCOL';

const startMs = 15_000;
const stopMs = 10_000;
const askMs = 5_000;

export class Collector {
  readonly url: string;
  private readonly port: number;
  private readonly prometheusPort: number;
  private readonly folder: string;
  private child: ChildProcess | null = null;

  private constructor(port: number, prometheusPort: number) {
    this.port = port;
    this.prometheusPort = prometheusPort;
    this.url = `http://127.0.0.1:${port}`;
    this.folder = mkdtempSync(join(tmpdir(), 'collector-'));
  }

  static async start(): Promise<Collector> {
    const collector = new Collector(await freePort(), await freePort());
    await collector.start();
    return collector;
  }

  /** Again, on the same ports. */
  async start(): Promise<void> {
    const config = join(this.folder, 'config.json');
    writeFileSync(config, JSON.stringify(this.config()));
    const child = spawn(program, ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => {
      said = (said + bytes).slice(-10_000);
    });
    child.on('error', () => {});
    try {
      await until(() => this.takes(), 'the collector takes OTLP', startMs);
    } catch (error) {
      await this.close();
      throw new Error(`${error}: ${said}`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** What it has written so far. */
  spans(): ReceivedSpan[] {
    return this.lines<OtlpBody>('traces').flatMap(spansIn);
  }

  metrics(): MetricsBody[] {
    return this.lines<MetricsBody>('metrics');
  }

  /** All of what was sent, as it was written. */
  text(): string {
    return this.read('traces') + this.read('metrics');
  }

  /** Metrics in Prometheus' text format, by the names that the collector gives them. */
  async prometheusText(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.prometheusPort}/metrics`, {
      signal: AbortSignal.timeout(askMs),
    });
    return answer.text();
  }

  /** Writes what it has and ends; its files stay. */
  async stop(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
    child.kill('SIGTERM');
    await gone;
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private config(): object {
    const file = (name: string) => ({ path: join(this.folder, name), append: true, flush_interval: '100ms' });
    return {
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${this.port}` } } } },
      exporters: {
        'file/traces': file('traces'),
        'file/metrics': file('metrics'),
        prometheus: { endpoint: `127.0.0.1:${this.prometheusPort}`, metric_expiration: '5s' },
      },
      service: {
        telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
        pipelines: {
          traces: { receivers: ['otlp'], exporters: ['file/traces'] },
          metrics: { receivers: ['otlp'], exporters: ['file/metrics', 'prometheus'] },
        },
      },
    };
  }

  private async takes(): Promise<boolean> {
    return fetch(`${this.url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
      signal: AbortSignal.timeout(askMs),
    }).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  private read(name: string): string {
    try {
      return readFileSync(join(this.folder, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }

  /** Of whole lines; one that is being written has no end yet. */
  private lines<Body>(name: string): Body[] {
    const lines = this.read(name).split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Body);
  }
}

/** What the tests read of metrics in OTLP. */
export interface MetricsBody {
  readonly resourceMetrics: readonly {
    readonly resource: OtlpBody['resourceSpans'][number]['resource'];
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
  }[];
}

export interface OtlpMetric {
  readonly name: string;
  readonly unit?: string;
  readonly sum?: { readonly isMonotonic?: boolean; readonly aggregationTemporality: number };
  readonly gauge?: object;
  readonly histogram?: { readonly aggregationTemporality: number };
}
