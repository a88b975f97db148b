/** Clients that stream one chat after another, and what each of them saw. */

import { exchange } from '../link.ts';
import type { Answered } from '../outcome.ts';
import { createRandom } from '../random.ts';
import { chatBody, type Endpoint, type Question } from './endpoint.ts';

export interface StreamedChat extends Answered {
  readonly prompt: string;
  readonly text: string;
  /** Every one that the stream's chunks named, each once: more than one is a mixture. */
  readonly fingerprints: readonly string[];
}

export interface StreamQuestion extends Question {
  /** Go on to the last token whatever the model says. */
  readonly ends?: 'by itself' | 'at the limit';
}

interface Chunk {
  readonly system_fingerprint?: string;
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly error?: { readonly message?: string };
}

/** Never rejects: a failure is an outcome. */
export async function streamChat(
  endpoint: Endpoint,
  question: StreamQuestion,
  signal?: AbortSignal,
): Promise<StreamedChat> {
  const seen = new Seen();
  const body = {
    ...chatBody(endpoint, question),
    stream: true,
    stream_options: { include_usage: true },
    ...(question.ends === 'at the limit' ? { ignore_eos: true } : {}),
  };
  const error = await exchange(endpoint.api, {
    method: 'POST',
    path: '/v1/chat/completions',
    body,
    onLine: (line) => seen.line(line),
    ...(signal === undefined ? {} : { signal }),
  }).then(
    ({ status, text }) => (status === 200 ? seen.problem() : `status ${status}: ${text.slice(0, 200)}`),
    (failure: Error) => failure.message,
  );
  return { ...seen.outcome(error), prompt: question.text };
}

class Seen {
  private readonly startMs = performance.now();
  private readonly tokenMs: number[] = [];
  private readonly fingerprints = new Set<string>();
  private text = '';
  private usage: Chunk['usage'] = null;
  private failure: string | null = null;
  private isComplete = false;

  line(line: string): void {
    if (!line.startsWith('data: ')) return;
    const data = line.slice(6).trim();
    if (data === '[DONE]') {
      this.isComplete = true;
      return;
    }
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error) this.failure = chunk.error.message ?? 'error';
    if (chunk.usage) this.usage = chunk.usage;
    if (chunk.system_fingerprint) this.fingerprints.add(chunk.system_fingerprint);
    const piece = chunk.choices?.[0]?.delta?.content;
    if (!piece) return;
    this.text += piece;
    this.tokenMs.push(performance.now());
  }

  /** Why a finished response is not a complete answer; null if it is. */
  problem(): string | null {
    return this.failure ?? (this.isComplete ? null : 'the stream ended without [DONE]');
  }

  outcome(error: string | null): Omit<StreamedChat, 'prompt'> {
    return {
      ok: error === null,
      error,
      startMs: this.startMs,
      endMs: performance.now(),
      tokenMs: this.tokenMs,
      promptTokens: this.usage?.prompt_tokens ?? 0,
      outputTokens: this.usage?.completion_tokens ?? this.tokenMs.length,
      text: this.text,
      fingerprints: [...this.fingerprints],
    };
  }
}

export interface LoadOptions extends Omit<StreamQuestion, 'text' | 'version'> {
  readonly numClients: number;
  readonly prompts: readonly string[];
  readonly seed: number;
}

/** Chats that have ended, in the order of their ends; the oldest are forgotten beyond a limit. */
export type Chats = readonly StreamedChat[];

/** The first few different ones. */
export const errorsOf = (chats: Chats): string[] =>
  [...new Set(chats.flatMap(({ error }) => error ?? []))].slice(0, 5);

const maxKept = 50_000;

/**
 * A closed loop without think time, for as long as `act` takes; running chats then go on to their end. After a failure a
 * client rests a moment, so that a dead server is no flood.
 */
export async function withChatLoad<Value>(
  endpoint: Endpoint,
  options: LoadOptions,
  act: (chats: Chats) => Promise<Value>,
): Promise<{ readonly value: Value; readonly chats: Chats }> {
  const { prompts, numClients, seed, ...question } = options;
  const random = createRandom(seed);
  const chats: StreamedChat[] = [];
  let isStopped = false;
  const client = async (): Promise<void> => {
    while (!isStopped) {
      const text = prompts[Math.floor(random() * prompts.length)]!;
      const chat = await streamChat(endpoint, { ...question, text });
      chats.push(chat);
      if (chats.length > maxKept) chats.shift();
      if (!chat.ok) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const clients = Promise.all(Array.from({ length: numClients }, client));
  try {
    return { value: await act(chats), chats };
  } finally {
    isStopped = true;
    await clients;
  }
}
