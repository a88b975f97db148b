/** The turns of a terminal conversation: reads lines, streams answers, keeps the history. */
import type { ChatMessage } from './chat-client.ts';

/** The oldest turns are dropped above this, so that a long talk does not grow for ever. */
const maxMessages = 40;

export interface ConversationParts {
  /** The user's lines. */
  readonly lines: AsyncIterable<string>;
  print(text: string): void;
  /** Shown before each line of the user; nothing when input is a file. */
  prompt(): void;
  /** The text of an answer in pieces. */
  answer(messages: readonly ChatMessage[]): AsyncIterable<string>;
  /** Told in place of an answer; the conversation goes on. */
  onFailure(error: unknown): void;
}

const help = '/reset forgets the conversation, /exit ends it; Ctrl-C stops an answer.\n';

/** Talks until the lines end or /exit. Returns how many answers failed. */
export async function converse(parts: ConversationParts, system: string | null): Promise<number> {
  const opening: readonly ChatMessage[] = system === null ? [] : [{ role: 'system', content: system }];
  let history: ChatMessage[] = [];
  let numFailed = 0;
  parts.prompt();
  for await (const line of parts.lines) {
    const text = line.trim();
    if (text === '/exit') return numFailed;
    if (text === '/reset') history = [];
    else if (text === '/help') parts.print(help);
    else if (text !== '') {
      history.push({ role: 'user', content: text });
      const reply = await speak(parts, [...opening, ...history]);
      if (reply === null) numFailed += 1;
      if (reply === null) history.pop();
      else history = [...history, { role: 'assistant' as const, content: reply }].slice(-maxMessages);
    }
    parts.prompt();
  }
  return numFailed;
}

/** Prints the answer as it comes; null when it failed. */
async function speak(parts: ConversationParts, messages: readonly ChatMessage[]): Promise<string | null> {
  let reply = '';
  try {
    for await (const piece of parts.answer(messages)) {
      reply += piece;
      parts.print(piece);
    }
  } catch (error) {
    parts.onFailure(error);
    return null;
  } finally {
    if (reply !== '') parts.print('\n');
  }
  return reply;
}
