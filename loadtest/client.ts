/** One streaming completion over HTTP, with the time of every token. Speaks to any OpenAI-compatible server. */
import { Agent, type ClientRequest, request as httpRequest } from 'node:http';

export interface Target {
  /** Such as http://127.0.0.1:8080/v1. */
  readonly url: URL;
  readonly model: string;
  readonly agent: Agent;
  readonly apiKey: string | null;
  readonly timeoutMs: number;
}

export interface Outcome {
  readonly ok: boolean;
  readonly error: string | null;
  /** Milliseconds on the load generator's monotonic clock. */
  readonly startMs: number;
  readonly endMs: number;
  /** Arrival of each piece of text. */
  readonly tokenMs: readonly number[];
  readonly promptTokens: number;
  readonly outputTokens: number;
}

export interface Ask {
  readonly prompt: string;
  readonly maxTokens: number;
  /** Ends the request from our side. */
  readonly signal?: AbortSignal;
}

export function createTarget(options: {
  url: string;
  model: string;
  apiKey?: string;
  timeoutMs?: number;
}): Target {
  const { url, model, apiKey, timeoutMs } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 4096 });
  return { url: new URL(url), model, agent, apiKey: apiKey ?? null, timeoutMs: timeoutMs ?? 300_000 };
}

/** Never rejects: a failure is an outcome. */
export function complete(target: Target, ask: Ask): Promise<Outcome> {
  return new Promise((resolve) => {
    const recorder = new Recorder();
    const attempt = (): void => {
      const request = send(target, ask, recorder, (error) => {
        // A server may close a kept connection just as it is used again: that is nobody's failure.
        const isStale = error !== null && request.reusedSocket && recorder.isEmpty && !ask.signal?.aborted;
        if (isStale) attempt();
        else resolve(recorder.outcome(error));
      });
      request.setTimeout(target.timeoutMs, () =>
        request.destroy(new Error(`no byte for ${target.timeoutMs} ms`)),
      );
      ask.signal?.addEventListener('abort', () => request.destroy(new Error('left')), { once: true });
    };
    attempt();
  });
}

function send(
  target: Target,
  ask: Ask,
  recorder: Recorder,
  done: (error: string | null) => void,
): ClientRequest {
  const body = JSON.stringify({
    model: target.model,
    prompt: ask.prompt,
    max_tokens: ask.maxTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
    // Not OpenAI's: forces the length, and keeps llama-server from reusing an earlier prompt.
    ignore_eos: true,
    cache_prompt: false,
  });
  const headers: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  if (target.apiKey !== null) headers.authorization = `Bearer ${target.apiKey}`;
  const path = `${target.url.pathname.replace(/\/$/, '')}/completions`;
  const { hostname, port } = target.url;
  const request = httpRequest(
    { hostname, port, path, method: 'POST', headers, agent: target.agent },
    (response) => {
      response.setEncoding('utf8');
      let rest = '';
      response.on('data', (piece: string) => {
        const lines = (rest + piece).split('\n');
        rest = lines.pop()!;
        for (const line of lines) recorder.line(line);
      });
      response.on('end', () => {
        if (response.statusCode === 200) return done(recorder.problem());
        done(`status ${response.statusCode}: ${rest.slice(0, 200)}`);
      });
      response.on('error', (error) => done(error.message));
    },
  );
  request.on('error', (error) => done(error.message));
  request.end(body);
  return request;
}

/** Reads stream lines and keeps times. */
class Recorder {
  private readonly startMs = performance.now();
  private readonly tokenMs: number[] = [];
  private usage: { prompt_tokens?: number; completion_tokens?: number } | null = null;
  private isComplete = false;
  private failure: string | null = null;

  get isEmpty(): boolean {
    return this.tokenMs.length === 0 && this.usage === null;
  }

  line(line: string): void {
    if (!line.startsWith('data: ')) return;
    const data = line.slice(6).trim();
    if (data === '[DONE]') {
      this.isComplete = true;
      return;
    }
    const chunk = JSON.parse(data) as {
      choices?: { text?: string }[];
      usage?: Recorder['usage'];
      error?: { message?: string };
    };
    if (chunk.error) this.failure = chunk.error.message ?? 'error';
    if (chunk.usage) this.usage = chunk.usage;
    if (chunk.choices?.[0]?.text) this.tokenMs.push(performance.now());
  }

  /** Why a finished response is not a complete answer; null if it is. */
  problem(): string | null {
    return this.failure ?? (this.isComplete ? null : 'the stream ended without [DONE]');
  }

  outcome(error: string | null): Outcome {
    return {
      ok: error === null,
      error,
      startMs: this.startMs,
      endMs: performance.now(),
      tokenMs: this.tokenMs,
      promptTokens: this.usage?.prompt_tokens ?? 0,
      outputTokens: this.usage?.completion_tokens ?? this.tokenMs.length,
    };
  }
}
