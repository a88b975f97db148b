/** What Prometheus is told. Names follow OpenTelemetry's conventions, spelled [a-z_]; see docs/metrics.md. */
import { ClusterMetrics, type ClusterObserved } from './cluster-metrics.ts';
import { EngineMetrics, type Observed } from './engine-metrics.ts';
import { EventLoopLag } from './event-loop-lag.ts';
import { HttpMetrics } from './http-metrics.ts';
import { type Described, Instruments, type Reading, type Sample } from './instruments.ts';
import { LearningMetrics, type LearningObserved } from './learning-metrics.ts';
import { RequestMetrics } from './request-metrics.ts';
import { renamed, vllmNames } from './vllm-names.ts';

export type { ClusterObserved } from './cluster-metrics.ts';
export type { Observed } from './engine-metrics.ts';
export type { AliasedVersion, LearningObserved } from './learning-metrics.ts';
export type { RequestOutcome } from './request-metrics.ts';

export interface MetricsOptions {
  /** These are asked at each scrape. */
  readonly engines: () => readonly Observed[];
  readonly learning?: () => LearningObserved | null;
  readonly cluster?: () => ClusterObserved | null;
  /** Tenants that are told apart. */
  readonly maxTenants?: number;
  /** Whether metrics come under vLLM's names, too. */
  readonly hasVllmNames?: boolean;
}

const defaultMaxTenants = 50;
const tenantLabel = 'tenant';

function* activeHandles(): Iterable<Sample> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  for (const [type, count] of counts) yield [{ type }, count];
}

export class Metrics {
  readonly requests: RequestMetrics;
  readonly engines: EngineMetrics;
  readonly http: HttpMetrics;
  readonly learning: LearningMetrics;
  readonly cluster: ClusterMetrics;
  private readonly instruments = new Instruments();
  private readonly hasVllmNames: boolean;

  constructor(options: MetricsOptions) {
    const { engines, learning = () => null, maxTenants = defaultMaxTenants } = options;
    const { instruments } = this;
    this.hasVllmNames = options.hasVllmNames ?? false;
    this.requests = new RequestMetrics(instruments, { maxTenants });
    this.engines = new EngineMetrics(instruments, engines);
    this.http = new HttpMetrics(instruments);
    this.learning = new LearningMetrics(instruments, { observe: learning, maxTenants });
    this.cluster = new ClusterMetrics(instruments, options.cluster ?? (() => null));
    const lag = new EventLoopLag();
    instruments.readGauge(
      {
        name: 'millrace_event_loop_lag_seconds',
        help: 'How late the event loop of the gateway was, since the last scrape',
        labels: ['stat'],
      },
      () => lag.read(),
    );
    instruments.readGauge(
      {
        name: 'nodejs_active_handles',
        help: 'What holds the event loop of the gateway: sockets, pipes, timers, requests to the system, by kind',
        labels: ['type'],
      },
      activeHandles,
    );
  }

  get contentType(): string {
    return this.instruments.registry.contentType;
  }

  get described(): readonly Described[] {
    return this.instruments.described;
  }

  /** All that text() shows, with what tells tenants apart. */
  read(): Promise<readonly Reading[]> {
    return this.instruments.read();
  }

  /** In Prometheus' text format, with or without what tells tenants apart. */
  async text({ ofTenants } = { ofTenants: true }): Promise<string> {
    const { registry } = this.instruments;
    const text = ofTenants ? await registry.metrics() : await this.commonText();
    if (!this.hasVllmNames) return text;
    const aliases = Object.entries(vllmNames).map(async ([alias, name]) =>
      renamed(await registry.getSingleMetricAsString(name), name, alias),
    );
    return `${text}\n${(await Promise.all(aliases)).join('\n\n')}\n`;
  }

  private async commonText(): Promise<string> {
    const common = this.described.filter(({ labels }) => !labels.includes(tenantLabel));
    const { registry } = this.instruments;
    const texts = common.map(({ name }) => registry.getSingleMetricAsString(name));
    return `${(await Promise.all(texts)).join('\n\n')}\n`;
  }
}
