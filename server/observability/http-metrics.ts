/** Requests as HTTP, whatever they ask for. Names and labels follow OpenTelemetry's HTTP conventions. */
import { httpSeconds } from './buckets.ts';
import type { Bins } from './family.ts';
import { knownMethod } from './http-method.ts';
import type { Instruments } from './instruments.ts';

export interface HttpOutcome {
  readonly method: string;
  /** Template of the path; empty where no route matched. */
  readonly route: string;
  readonly status: number;
  readonly tookMs: number;
}

interface Series extends Pick<HttpOutcome, 'method' | 'route' | 'status'> {
  readonly duration: Bins;
}

export class HttpMetrics {
  private readonly durations;
  private readonly active = new Map<string, number>();
  /** Of the request before: the next one is often like it. */
  private latest: Series | null = null;

  constructor(instruments: Instruments) {
    this.durations = instruments.histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Duration of HTTP requests',
      labels: ['http_request_method', 'http_route', 'http_response_status_code'],
      buckets: httpSeconds,
    });
    instruments.readGauge(
      {
        name: 'http_server_active_requests',
        help: 'HTTP requests that are being answered',
        labels: ['http_request_method'],
      },
      () => [...this.active].map(([method, count]) => [{ http_request_method: method }, count]),
    );
  }

  /** Each call is followed by one of `ended`. */
  began(method: string): void {
    this.addActive(knownMethod(method), 1);
  }

  ended({ method, route, status, tookMs }: HttpOutcome): void {
    this.addActive(knownMethod(method), -1);
    this.durationOf(method, route, status).observe(tookMs / 1000);
  }

  private addActive(method: string, count: number): void {
    this.active.set(method, (this.active.get(method) ?? 0) + count);
  }

  private durationOf(method: string, route: string, status: number): Bins {
    const { latest } = this;
    if (latest?.method === method && latest.route === route && latest.status === status)
      return latest.duration;
    const duration = this.durations.of(knownMethod(method), route, String(status));
    this.latest = { method, route, status, duration };
    return duration;
  }
}
