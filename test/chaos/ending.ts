/** How a request ended, judged from what was heard. Pure. */
import type { Heard } from './exchange.ts';

export type Ending =
  /** A whole answer. */
  | { readonly kind: 'answer'; readonly version: string | null; readonly text: string; readonly id: string }
  /** No, with a reason in the shape of OpenAI's. */
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  /** A stream that said that it failed. */
  | { readonly kind: 'failed'; readonly code: string }
  /** The connection could not be made, or died. */
  | { readonly kind: 'broken'; readonly reason: string }
  | { readonly kind: 'left' }
  /** Nothing came in time. */
  | { readonly kind: 'hung' }
  /** The server broke its word: cut off without saying so, ended twice, not in the shape that was promised. */
  | { readonly kind: 'wrong'; readonly reason: string };

/** Of an answer. */
export const mixedVersions = 'two versions in one answer';

const wrong = (reason: string): Ending => ({ kind: 'wrong', reason });

export function endingOf(heard: Heard): Ending {
  const { status, text, isWhole, error, isLate, hasLeft } = heard;
  if (hasLeft) return { kind: 'left' };
  if (isLate) return { kind: 'hung' };
  if (status === null) return { kind: 'broken', reason: error ?? 'no answer' };
  if (!isWhole) return { kind: 'broken', reason: `cut off after ${text.length} characters` };
  if (status >= 400) return refusalOf(status, text);
  const isStream = heard.headers['content-type']?.startsWith('text/event-stream') === true;
  return isStream ? streamEnding(heard) : answerOf(heard);
}

function refusalOf(status: number, text: string): Ending {
  const error = parse(text)?.error;
  const isShaped = typeof error?.message === 'string' && 'type' in error && 'code' in error;
  if (!isShaped) return wrong(`status ${status} without an error object: ${text.slice(0, 100)}`);
  return { kind: 'refused', status, code: error.code ?? String(status) };
}

function answerOf({ headers, text }: Heard): Ending {
  const body = parse(text);
  if (body === null) return wrong(`an answer that is no JSON: ${text.slice(0, 100)}`);
  const choice = body.choices?.[0];
  if (choice !== undefined && typeof choice.finish_reason !== 'string')
    return wrong('an answer without a reason for its end');
  const version = (headers['x-millrace-version'] as string | undefined) ?? null;
  const { system_fingerprint: fingerprint } = body;
  if (fingerprint !== undefined && fingerprint !== version) return wrong(mixedVersions);
  return { kind: 'answer', version, text: choice?.message?.content ?? choice?.text ?? '', id: body.id ?? '' };
}

/** Frames as they were sent: the last one ends the stream, and only that one. */
function streamEnding({ headers, text }: Heard): Ending {
  if (!text.endsWith('\n\n')) return wrong('a stream that ends in the middle of a frame');
  const frames = text.split('\n\n').slice(0, -1);
  const events = frames
    .filter((frame) => !frame.startsWith(':'))
    .map((frame) => frame.replace(/^data: /, ''));
  const last = events.at(-1) ?? '';
  const chunks = events.slice(0, -1).map(parse);
  if (chunks.some((chunk) => chunk === null || 'error' in chunk))
    return wrong('something came after the end');
  if (last !== '[DONE]') {
    const error = parse(last)?.error;
    return error === undefined ? wrong('a stream without an end') : { kind: 'failed', code: error.code };
  }
  const finishes = chunks.filter((chunk) => chunk?.choices?.[0]?.finish_reason != null).length;
  if (finishes !== 1) return wrong(`a stream with ${finishes} reasons for its end`);
  const version = headers['x-millrace-version'] as string;
  if (chunks.some((chunk) => chunk?.system_fingerprint !== version)) return wrong(mixedVersions);
  const said = chunks.map((chunk) => chunk?.choices?.[0]?.text ?? chunk?.choices?.[0]?.delta?.content ?? '');
  return { kind: 'answer', version, text: said.join(''), id: chunks[0]?.id ?? '' };
}

/** What the server sends; of it only what is looked at. */
interface Body {
  readonly id?: string;
  readonly system_fingerprint?: string;
  readonly choices?: readonly {
    readonly finish_reason?: string | null;
    readonly text?: string;
    readonly message?: { readonly content?: string };
    readonly delta?: { readonly content?: string };
  }[];
  readonly error?: { readonly message: string; readonly type: string; readonly code: string };
}

function parse(text: string): Body | null {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return null;
  }
}
