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
  readonly error?: { readonly message?: string } | null;
}

/** Of an answer that is an error, what is read. */
const maxErrorCharacters = 2_000;
/** Of one event; ours have a few hundred. */
const maxEventCharacters = 2 ** 20;

async function failure(response: Response): Promise<Error> {
  const text = await beginningOf(response);
  const message = chunkOf(text)?.error?.message;
  if (typeof message === 'string') return new Error(message);
  // Some other server answered; its text is the best there is.
  return new Error(`The server answered with status ${response.status}: ${text}`);
}

async function beginningOf({ body }: Response): Promise<string> {
  let text = '';
  if (body === null) return text;
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.length > maxErrorCharacters) break;
  }
  return text.slice(0, maxErrorCharacters);
}

/** Null for what is no object of JSON. */
function chunkOf(text: string): Chunk | null {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' ? (json as Chunk | null) : null;
  } catch {
    return null;
  }
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
  // The parser keeps what comes until an event has ended.
  let unparsed = 0;
  const bounded = new TransformStream<string, string>({
    transform(text, controller) {
      unparsed += text.length;
      if (unparsed > maxEventCharacters) controller.error(new Error('The answer is no stream of events.'));
      else controller.enqueue(text);
    },
  });
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(bounded)
    .pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) {
    unparsed = 0;
    if (data === '[DONE]') return;
    const chunk = chunkOf(data);
    if (chunk === null) throw new Error('The server sent an event that is no JSON object.');
    if (chunk.error !== undefined) throw new Error(chunk.error?.message ?? 'The answer failed.');
    const content = chunk.choices?.[0]?.delta?.content;
    if (typeof content === 'string' && content !== '') yield content;
  }
  throw new Error('The stream broke off before its end.');
}
