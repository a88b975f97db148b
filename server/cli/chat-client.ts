/** A conversation with a running server over its public API: messages in, text deltas out. */
import { EventSourceParserStream } from 'eventsource-parser/stream';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ChatServer {
  /** "http://127.0.0.1:8080". */
  readonly url: string;
  readonly model: string;
  /** Null: none is sent. */
  readonly apiKey: string | null;
}

export interface ChatLimits {
  readonly maxTokens: number;
  readonly temperature: number;
}

/** The parts of a streamed chunk that matter here. */
interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly error?: { readonly message?: string };
}

async function failure(response: Response): Promise<Error> {
  const text = (await response.text()).slice(0, 2_000);
  try {
    const message = (JSON.parse(text) as Chunk).error?.message;
    if (message !== undefined) return new Error(message);
  } catch {
    // Not JSON: some other server answered; its text is the best there is.
  }
  return new Error(`The server answered with status ${response.status}: ${text}`);
}

/** Streams the answer's text. Throws an Error with the server's message, also when the stream breaks off. */
export async function* streamChat(
  server: ChatServer,
  messages: readonly ChatMessage[],
  limits: ChatLimits,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(server.apiKey === null ? {} : { authorization: `Bearer ${server.apiKey}` }),
    },
    body: JSON.stringify({
      model: server.model,
      messages,
      stream: true,
      max_tokens: limits.maxTokens,
      temperature: limits.temperature,
    }),
    signal,
  });
  if (!response.ok || response.body === null) throw await failure(response);
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) {
    if (data === '[DONE]') return;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error !== undefined) throw new Error(chunk.error.message ?? 'The answer failed.');
    const content = chunk.choices?.[0]?.delta?.content;
    if (typeof content === 'string' && content !== '') yield content;
  }
  throw new Error('The stream broke off before its end.');
}
