/** Reads the lines of a stream of completions as they come, and keeps times. */
import type { Failure } from './failure.ts';
import type { Outcome } from './outcome.ts';

interface Chunk {
  readonly system_fingerprint?: string;
  readonly choices?: readonly { readonly text?: string }[];
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null;
  readonly error?: { readonly message?: string };
}

/** Of a line that never ends, no more is kept. */
const maxLineCharacters = 1 << 20;

export class StreamRecorder {
  private readonly startMs = performance.now();
  private readonly intendedMs: number;
  private readonly tokenMs: number[] = [];
  private readonly fingerprints = new Set<string>();
  private usage: Chunk['usage'] = null;
  private status: number | null = null;
  private retryAfterMs: number | null = null;
  private isComplete = false;
  private failed: string | null = null;
  /** What follows the last whole line. */
  rest = '';

  constructor(intendedMs?: number) {
    this.intendedMs = intendedMs ?? this.startMs;
  }

  /** Nothing of an answer has come. */
  get isEmpty(): boolean {
    return this.status === null;
  }

  head(status: number, retryAfterMs: number | null): void {
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  piece(piece: string): void {
    const lines = (this.rest + piece).split('\n');
    this.rest = lines.pop()!.slice(0, maxLineCharacters);
    for (const line of lines) this.line(line);
  }

  /** Why a finished response is not a complete answer; null if it is. */
  problem(): Failure | null {
    const message = this.failed ?? (this.isComplete ? null : 'the stream ended without [DONE]');
    return message === null ? null : { kind: 'broken stream', message };
  }

  outcome(failed: Failure | null): Outcome {
    return {
      ok: failed === null,
      error: failed?.message ?? null,
      failure: failed?.kind ?? null,
      status: this.status,
      retryAfterMs: this.retryAfterMs,
      intendedMs: this.intendedMs,
      startMs: this.startMs,
      endMs: performance.now(),
      tokenMs: this.tokenMs,
      promptTokens: this.usage?.prompt_tokens ?? 0,
      outputTokens: this.usage?.completion_tokens ?? this.tokenMs.length,
      fingerprints: [...this.fingerprints],
    };
  }

  private line(line: string): void {
    if (!line.startsWith('data: ')) return;
    const data = line.slice(6).trim();
    if (data === '[DONE]') this.isComplete = true;
    else this.chunk(parsed(data));
  }

  private chunk(chunk: Chunk | null): void {
    if (chunk === null) this.failed ??= 'a chunk of the stream is not JSON';
    else {
      if (chunk.error) this.failed ??= chunk.error.message ?? 'error';
      if (chunk.usage) this.usage = chunk.usage;
      if (chunk.system_fingerprint) this.fingerprints.add(chunk.system_fingerprint);
      if (chunk.choices?.[0]?.text) this.tokenMs.push(performance.now());
    }
  }
}

function parsed(data: string): Chunk | null {
  try {
    return JSON.parse(data) as Chunk;
  } catch {
    return null;
  }
}
