/**
 * A server-sent event stream over a hijacked reply (WHATWG HTML, "Server-sent events"). Frames of one turn of the
 * event loop leave in one write. A reader that does not keep up is found by what lies unread.
 */
import type { ServerResponse } from 'node:http';
import { fieldLimits } from './limits.ts';

export class EventStream {
  private readonly response: ServerResponse;
  private readonly keepAliveMs: number;
  private readonly onSlow: () => void;
  private pending = '';
  private isQueued = false;
  private keepAlive: NodeJS.Timeout | null = null;

  constructor(
    response: ServerResponse,
    headers: Readonly<Record<string, string | number>>,
    options: { keepAliveMs: number; onSlow: () => void },
  ) {
    this.response = response;
    this.keepAliveMs = options.keepAliveMs;
    this.onSlow = options.onSlow;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...headers,
    });
    // An empty write: the head leaves with the first frames, at the latest at the end of this turn.
    this.write('');
    this.keepAlive = setInterval(() => this.write(': keep-alive\n\n'), this.keepAliveMs);
    this.keepAlive.unref();
    // Whoever leaves ends nothing: the timer would hold the request for ever.
    response.once('close', () => this.stopKeepAlive());
  }

  /** `json` is one line. */
  data(json: string): void {
    this.write(`data: ${json}\n\n`);
  }

  end(): void {
    this.stopKeepAlive();
    const rest = this.pending;
    this.pending = '';
    this.response.end(rest);
  }

  private stopKeepAlive(): void {
    if (this.keepAlive !== null) clearInterval(this.keepAlive);
    this.keepAlive = null;
  }

  private write(frame: string): void {
    this.pending += frame;
    if (this.isQueued) return;
    this.isQueued = true;
    queueMicrotask(() => this.flush());
  }

  private flush(): void {
    this.isQueued = false;
    const { response } = this;
    if (response.destroyed || response.writableEnded) return;
    if (this.pending === '') response.flushHeaders();
    else response.write(this.pending);
    this.pending = '';
    this.keepAlive?.refresh();
    if (response.writableLength > fieldLimits.unreadBytes) this.onSlow();
  }
}
