/** One request over HTTP as a strict client sees it: every byte, whether the answer was whole, and when it ended. */
import { type Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';

export interface Ask {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** The client hangs up after this long. */
  readonly deadlineMs: number;
  /** The client leaves as soon as it has received so many bytes of the body. */
  readonly leaveAfterBytes?: number;
}

export interface Heard {
  /** Monotonic. */
  readonly startMs: number;
  readonly endMs: number;
  /** Null when no head came. */
  readonly status: number | null;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The answer came to its end by HTTP's own rules. */
  readonly isWhole: boolean;
  /** What the connection died of; null when it did not. */
  readonly error: string | null;
  /** The deadline ended it. */
  readonly isLate: boolean;
  /** The client has left by itself. */
  readonly hasLeft: boolean;
  /** It was sent on a connection that had been used before. */
  readonly isReused: boolean;
}

/** Never rejects. Resolves when the exchange is over, at the latest just after its deadline. */
export function exchange(url: string, ask: Ask, agent: Agent): Promise<Heard> {
  const body = ask.body === undefined ? null : JSON.stringify(ask.body);
  const length = body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const type = body === null ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve) => {
    const startMs = performance.now();
    let [status, text, isLate, hasLeft]: [number | null, string, boolean, boolean] = [null, '', false, false];
    let headers: IncomingHttpHeaders = {};
    const request = httpRequest(new URL(ask.path, url), {
      method: ask.method,
      headers: { ...type, ...length, ...ask.headers },
      agent,
    });
    const timer = setTimeout(() => {
      isLate = true;
      request.destroy();
    }, ask.deadlineMs);
    const end = (isWhole: boolean, error: string | null): void => {
      clearTimeout(timer);
      const isReused = request.reusedSocket;
      const times = { startMs, endMs: performance.now() };
      resolve({ ...times, status, headers, text, isWhole, error, isLate, hasLeft, isReused });
    };
    request.on('response', (response) => {
      ({ headers } = response);
      status = response.statusCode ?? null;
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        if (text.length < (ask.leaveAfterBytes ?? Number.POSITIVE_INFINITY)) return;
        hasLeft = true;
        request.destroy();
      });
      response.once('close', () => end(response.complete, null));
      response.on('error', () => {});
    });
    request.once('error', (error: NodeJS.ErrnoException) => {
      if (status === null) end(false, error.code ?? error.message);
    });
    request.end(body ?? undefined);
  });
}
