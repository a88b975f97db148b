/** One streaming completion over HTTP, with the time of every token. Speaks to any OpenAI-compatible server. */
import { Agent, type ClientRequest, request as httpRequest } from 'node:http';
import { type Failure, kindOfStatus, retryAfterOf } from './failure.ts';
import type { Outcome } from './outcome.ts';
import { StreamRecorder } from './stream-recorder.ts';

export interface Target {
  /** Such as http://127.0.0.1:8080/v1. */
  readonly url: URL;
  readonly model: string;
  readonly agent: Agent;
  readonly apiKey: string | null;
  /** Longest silence. */
  readonly timeoutMs: number;
}

export interface Ask {
  readonly prompt: string;
  readonly maxTokens: number;
  /** Default: the moment of the call. */
  readonly intendedMs?: number;
  /** Ends the request from our side. */
  readonly signal?: AbortSignal;
  /** Rest so long after each piece before the next one is read; 0 or nothing reads as fast as it comes. */
  readonly restMs?: number;
}

export interface TargetOptions {
  readonly url: string;
  readonly model: string;
  readonly apiKey?: string | null;
  readonly timeoutMs?: number;
  readonly maxConnections?: number;
}

export function createTarget(options: TargetOptions): Target {
  const { url, model, apiKey = null, timeoutMs = 300_000, maxConnections = 4096 } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections });
  return { url: new URL(url), model, agent, apiKey, timeoutMs };
}

/** A server may close a kept connection just as it is used again; so often in a row it is no coincidence. */
const maxStale = 3;

/** Never rejects: a failure is an outcome. */
export function complete(target: Target, ask: Ask): Promise<Outcome> {
  return new Promise((resolve) => {
    const recorder = new StreamRecorder(ask.intendedMs);
    let numStale = 0;
    let running: ClientRequest | null = null;
    const leave = (): void => void running?.destroy(new Error('left'));
    const attempt = (): void => {
      const request = send(target, ask, recorder, (failure) => {
        const isStale = failure?.kind === 'connection' && request.reusedSocket && recorder.isEmpty;
        if (isStale && numStale++ < maxStale) return attempt();
        ask.signal?.removeEventListener('abort', leave);
        resolve(recorder.outcome(failure));
      });
      running = request;
      if (ask.signal?.aborted) leave();
    };
    ask.signal?.addEventListener('abort', leave, { once: true });
    attempt();
  });
}

function send(
  target: Target,
  ask: Ask,
  recorder: StreamRecorder,
  done: (failure: Failure | null) => void,
): ClientRequest {
  const body = bodyOf(target, ask);
  const { hostname, port } = target.url;
  const path = `${target.url.pathname.replace(/\/$/, '')}/completions`;
  const headers = headersOf(target, body);
  let hasTimedOut = false;
  let isDone = false;
  const finish = (failure: Failure | null): void => {
    if (isDone) return;
    isDone = true;
    done(failure);
  };
  const broken = (error: Error): void => {
    const left = ask.signal?.aborted === true;
    finish({ kind: left ? 'left' : hasTimedOut ? 'timeout' : 'connection', message: error.message });
  };
  const request = httpRequest(
    { hostname: hostname.replace(/^\[|\]$/g, ''), port, path, method: 'POST', headers, agent: target.agent },
    (response) => {
      const { statusCode = 0, headers: head } = response;
      recorder.head(statusCode, retryAfterOf(head));
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        recorder.piece(piece);
        if (ask.restMs !== undefined && ask.restMs > 0) {
          response.pause();
          setTimeout(() => response.resume(), ask.restMs).unref();
        }
      });
      response.on('end', () => {
        if (statusCode === 200) return finish(recorder.problem());
        const message = `status ${statusCode}: ${recorder.rest.slice(0, 200)}`;
        finish({ kind: kindOfStatus(statusCode), message });
      });
      response.on('error', broken);
    },
  );
  request.setTimeout(target.timeoutMs, () => {
    hasTimedOut = true;
    request.destroy(new Error(`no byte for ${target.timeoutMs} ms`));
  });
  request.on('error', broken);
  request.end(body);
  return request;
}

function bodyOf({ model }: Target, { prompt, maxTokens }: Ask): string {
  return JSON.stringify({
    model,
    prompt,
    max_tokens: maxTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
    // Not OpenAI's: forces the length, and keeps llama-server from reusing an earlier prompt.
    ignore_eos: true,
    cache_prompt: false,
  });
}

function headersOf({ apiKey }: Target, body: string): Record<string, string | number> {
  return {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
  };
}
