/** One HTTP exchange with a listener of the server. Knows bytes, status codes and lines; not what they mean. */
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';

export interface Link {
  /** Such as http://127.0.0.1:8080; paths are given whole. */
  readonly origin: URL;
  readonly apiKey: string | null;
  readonly agent: Agent;
}

export interface Message {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
  /** Longest silence. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Called with each whole line as it arrives; the reply's text is then what follows the last one. */
  readonly onLine?: (line: string) => void;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
}

const defaultTimeoutMs = 120_000;
/** A server may close a kept connection just as it is used again; so often in a row it is no coincidence. */
const maxStale = 3;

export function openLink(origin: string, apiKey: string | null = null): Link {
  return { origin: new URL(origin), apiKey, agent: new Agent({ keepAlive: true, maxSockets: 256 }) };
}

/** Rejects when the connection fails, is silent for too long or the signal aborts; any status is a reply. */
export async function exchange(link: Link, message: Message): Promise<Reply> {
  for (let stale = 0; ; stale++) {
    try {
      return await attempt(link, message);
    } catch (error) {
      if (!(error instanceof StaleConnection) || stale >= maxStale) throw error;
    }
  }
}

class StaleConnection extends Error {}

function attempt(link: Link, message: Message): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let hasBegun = false;
    const body = message.body === undefined ? null : JSON.stringify(message.body);
    const request: ClientRequest = httpRequest(
      {
        hostname: link.origin.hostname,
        port: link.origin.port,
        path: message.path,
        method: message.method,
        headers: headersOf(link, body),
        agent: link.agent,
        ...(message.signal === undefined ? {} : { signal: message.signal }),
      },
      (response) => {
        hasBegun = true;
        read(response, message.onLine).then(resolve, reject);
      },
    );
    const timeoutMs = message.timeoutMs ?? defaultTimeoutMs;
    request.setTimeout(timeoutMs, () => request.destroy(new Error(`no byte for ${timeoutMs} ms`)));
    request.on('error', (error) => {
      const isStale = request.reusedSocket && !hasBegun && 'code' in error && error.code === 'ECONNRESET';
      reject(isStale ? new StaleConnection(error.message) : error);
    });
    request.end(body ?? undefined);
  });
}

function headersOf({ apiKey }: Link, body: string | null): Record<string, string | number> {
  return {
    ...(body === null
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
  };
}

async function read(response: IncomingMessage, onLine: Message['onLine']): Promise<Reply> {
  response.setEncoding('utf8');
  let text = '';
  for await (const piece of response) {
    text += piece as string;
    if (onLine === undefined) continue;
    const lines = text.split('\n');
    text = lines.pop()!;
    for (const line of lines) onLine(line);
  }
  return { status: response.statusCode ?? 0, text };
}
