/** What becomes of requests to models: how many, how long, how large, whose, by which version. */
import { FirstLabels, LatestLabels } from './bounded-labels.ts';
import { firstTokenSeconds, perTokenSeconds, requestSeconds, stepSeconds, tokens } from './buckets.ts';
import type { Bins, Count } from './family.ts';
import type { Instruments } from './instruments.ts';

/** How far a request had come. */
export type Phase = 'queued' | 'prefill' | 'decode';

export interface RequestOutcome {
  readonly operation: string;
  readonly model: string;
  /** Id of the version that was to answer; its memory is left out of account. */
  readonly version: string;
  readonly tenant: string;
  readonly status: number;
  readonly tookMs: number;
  readonly queueMs: number | null;
  readonly ttftMs: number | null;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Of each choice; null of one that has not ended by itself. */
  readonly finishes: readonly ('stop' | 'length' | null)[];
}

export interface RequestMetricsOptions {
  /** Tenants that are told apart. */
  readonly maxTenants: number;
}

/** Versions that are told apart: what serves, what served before, and what is being tried. */
const maxVersions = 64;
/** Status of a client that left before its answer, in the way of nginx. */
export const clientLeft = 499;

const outcomes = ['ok', 'refused', 'cancelled', 'failed'] as const;

const outcomeOf = (status: number): (typeof outcomes)[number] =>
  status < 400 ? 'ok' : status === clientLeft ? 'cancelled' : status < 500 ? 'refused' : 'failed';

/** All that an outcome adds to, looked up once for outcomes that are alike. */
interface Series {
  readonly like: Pick<RequestOutcome, 'operation' | 'model' | 'version' | 'tenant' | 'status'>;
  readonly versionKey: string;
  readonly counts: { readonly [Name in 'requests' | 'ofTenant' | 'ofVersion']: Count };
  readonly finished: { readonly [Reason in 'stop' | 'length']: Count };
  readonly tokens: { readonly [Type in 'input' | 'output']: readonly Count[] };
  readonly times: { readonly [Name in 'duration' | 'ttft' | 'tpot' | 'queue' | 'prefill' | 'decode']: Bins };
  readonly sizes: { readonly [Type in 'input' | 'output']: Bins };
}

/** More are looked up again. */
const maxSeries = 1_000;

export class RequestMetrics {
  private readonly tenants: FirstLabels;
  private readonly versions = new LatestLabels(maxVersions, (key) => this.forgetVersion(key));
  private readonly series = new Map<string, Series>();
  private latest: Series | null = null;
  private readonly gaps = new Map<string, (gapMs: number) => void>();
  private readonly counters;
  private readonly histograms;

  constructor(instruments: Instruments, { maxTenants }: RequestMetricsOptions) {
    this.tenants = new FirstLabels(maxTenants);
    this.counters = countersIn(instruments);
    this.histograms = histogramsIn(instruments);
  }

  record(outcome: RequestOutcome): void {
    const { tookMs, queueMs, ttftMs, promptTokens, completionTokens } = outcome;
    const { versionKey, counts, finished, tokens, times, sizes } = this.seriesOf(outcome);
    this.versions.of(versionKey);
    counts.requests.add();
    counts.ofTenant.add();
    counts.ofVersion.add();
    for (const reason of outcome.finishes) if (reason !== null) finished[reason].add();
    if (promptTokens > 0) sizes.input.observe(promptTokens);
    if (completionTokens > 0) sizes.output.observe(completionTokens);
    for (const count of tokens.input) count.add(promptTokens);
    for (const count of tokens.output) count.add(completionTokens);
    times.duration.observe(tookMs / 1000);
    if (queueMs !== null) times.queue.observe(queueMs / 1000);
    if (ttftMs === null) return;
    times.ttft.observe(ttftMs / 1000);
    times.prefill.observe(Math.max(0, ttftMs - (queueMs ?? 0)) / 1000);
    times.decode.observe(Math.max(0, tookMs - ttftMs) / 1000);
    const later = completionTokens - 1;
    if (later > 0) times.tpot.observe((tookMs - ttftMs) / later / 1000);
  }

  /** What is to be called with each time between two tokens of a model. */
  gapsOf(model: string): (gapMs: number) => void {
    let gaps = this.gaps.get(model);
    if (gaps === undefined) {
      const bins = this.histograms.gap.of(model);
      gaps = (gapMs) => bins.observe(gapMs / 1000);
      this.gaps.set(model, gaps);
    }
    return gaps;
  }

  /** `reason` is a code of the catalogue of errors. */
  recordShed(model: string, reason: string): void {
    this.counters.shed.of(model, reason).add();
  }

  recordCancelled(model: string, phase: Phase, reason: string): void {
    this.counters.cancelled.of(model, phase, reason).add();
  }

  private seriesOf(outcome: RequestOutcome): Series {
    if (this.latest !== null && areAlike(this.latest.like, outcome)) return this.latest;
    const { operation, model, version, tenant, status } = outcome;
    const key = [operation, model, version, tenant, status].join('\0');
    let series = this.series.get(key);
    if (series === undefined) {
      if (this.series.size >= maxSeries) this.series.clear();
      series = this.createSeries({ operation, model, version, tenant, status });
      this.series.set(key, series);
    }
    this.latest = series;
    return series;
  }

  private createSeries(like: Series['like']): Series {
    const { counters, histograms } = this;
    const { operation, model, status } = like;
    const [tenant, version, outcome] = [
      this.tenants.of(like.tenant),
      withoutMemory(like.version),
      outcomeOf(status),
    ];
    return {
      like,
      versionKey: `${model}\0${version}`,
      counts: {
        requests: counters.requests.of(operation, model, String(status)),
        ofTenant: counters.tenantRequests.of(tenant, outcome),
        ofVersion: counters.versionRequests.of(model, version, outcome),
      },
      finished: {
        stop: counters.finished.of(model, 'stop'),
        length: counters.finished.of(model, 'length'),
      },
      tokens: {
        input: [counters.tokens.of(model, 'input'), counters.tenantTokens.of(tenant, 'input')],
        output: [counters.tokens.of(model, 'output'), counters.tenantTokens.of(tenant, 'output')],
      },
      times: {
        duration: histograms.duration.of(model),
        ttft: histograms.ttft.of(model),
        tpot: histograms.tpot.of(model),
        queue: histograms.queue.of(model),
        prefill: histograms.prefill.of(model),
        decode: histograms.decode.of(model),
      },
      sizes: { input: histograms.promptSize.of(model), output: histograms.outputSize.of(model) },
    };
  }

  private forgetVersion(key: string): void {
    const [model, version] = key.split('\0') as [string, string];
    for (const outcome of outcomes) this.counters.versionRequests.delete(model, version, outcome);
    this.series.clear();
    this.latest = null;
  }
}

function areAlike(a: Series['like'], b: Series['like']): boolean {
  return (
    a.model === b.model &&
    a.version === b.version &&
    a.tenant === b.tenant &&
    a.status === b.status &&
    a.operation === b.operation
  );
}

/** "sha256:0123456789ab+cdef01234567+m12" without the "+m12", which changes with every correction. */
function withoutMemory(version: string): string {
  const at = version.lastIndexOf('+m');
  return at === -1 ? version : version.slice(0, at);
}

function countersIn(instruments: Instruments) {
  return {
    requests: instruments.counter({
      name: 'millrace_requests_total',
      help: 'Requests answered',
      labels: ['operation', 'model', 'status'],
    }),
    tokens: instruments.counter({
      name: 'millrace_tokens_total',
      help: 'Tokens of answered requests',
      labels: ['model', 'type'],
    }),
    finished: instruments.counter({
      name: 'millrace_finished_total',
      help: 'Choices that ended by themselves',
      labels: ['model', 'reason'],
    }),
    shed: instruments.counter({
      name: 'millrace_shed_total',
      help: 'Requests refused before the engine saw them',
      labels: ['model', 'reason'],
    }),
    cancelled: instruments.counter({
      name: 'millrace_cancelled_total',
      help: 'Requests ended early: the client left or did not read, or their time was over',
      labels: ['model', 'phase', 'reason'],
    }),
    tenantRequests: instruments.counter({
      name: 'millrace_tenant_requests_total',
      help: 'Requests by tenant; those beyond telemetry.maxTenants count as one, "other"',
      labels: ['tenant', 'outcome'],
    }),
    tenantTokens: instruments.counter({
      name: 'millrace_tenant_tokens_total',
      help: 'Tokens of answered requests by tenant, told apart likewise',
      labels: ['tenant', 'type'],
    }),
    versionRequests: instruments.counter({
      name: 'millrace_version_requests_total',
      help: `Requests by version; those of the ${maxVersions} versions used last are kept`,
      labels: ['model', 'version', 'outcome'],
    }),
  };
}

function histogramsIn(instruments: Instruments) {
  const ofModel = (name: string, help: string, buckets: readonly number[]) =>
    instruments.histogram({ name, help, labels: ['model'], buckets });
  return {
    duration: ofModel('gen_ai_server_request_duration_seconds', 'Request duration', requestSeconds),
    ttft: ofModel('gen_ai_server_time_to_first_token_seconds', 'Time to first token', firstTokenSeconds),
    tpot: ofModel(
      'gen_ai_server_time_per_output_token_seconds',
      'Time per later token, a mean of each request',
      perTokenSeconds,
    ),
    gap: ofModel('millrace_inter_token_seconds', 'Between a token and the one before it', stepSeconds),
    queue: ofModel('millrace_queue_wait_seconds', 'Wait for a slot', firstTokenSeconds),
    prefill: ofModel('millrace_prefill_seconds', 'From slot to first token', firstTokenSeconds),
    decode: ofModel('millrace_decode_seconds', 'From first token to the end', requestSeconds),
    promptSize: ofModel('millrace_prompt_tokens', 'Tokens of the prompts of a request', tokens),
    outputSize: ofModel('millrace_output_tokens', 'Tokens of the answers of a request', tokens),
  };
}
