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
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    this.keepAlive = setInterval(() => this.write(': keep-alive\n\n'), this.keepAliveMs);
    this.keepAlive.unref();
  }

  /** `json` is one line. */
  data(json: string): void {
    this.write(`data: ${json}\n\n`);
  }

  end(): void {
    if (this.keepAlive !== null) clearInterval(this.keepAlive);
    this.keepAlive = null;
    this.flush();
    this.response.end();
  }

  private write(frame: string): void {
    this.pending += frame;
    if (this.isQueued) return;
    this.isQueued = true;
    queueMicrotask(() => this.flush());
  }

  private flush(): void {
    this.isQueued = false;
    if (this.pending === '' || this.response.destroyed) return;
    this.response.write(this.pending);
    this.pending = '';
    this.keepAlive?.refresh();
    if (this.response.writableLength > fieldLimits.unreadBytes) this.onSlow();
  }
}
