/** What is to be generated for a request, and what is to be done with it. */
import type { Context as Said } from '../../core/feedback/record.ts';
import type { CompletionRequest } from '../completion/completion.ts';
import type { Formatter } from './openai/format.ts';
import type { OnOutcome } from './outcome.ts';

export interface GenerationOptions {
  readonly operation: 'chat' | 'text_completion';
  readonly completion: CompletionRequest;
  readonly formatter: Formatter;
  /** Null: one answer, when all is done. */
  readonly stream: StreamOptions | null;
  /** What the answer is an answer to; null where it is not one text. */
  readonly said: Said | null;
  /** Is given the texts of all choices of an answer that was completed. */
  readonly onAnswer: ((answers: readonly string[]) => void) | null;
  /** Is told how it ended, see outcome.ts. */
  readonly onOutcome: OnOutcome | null;
}

export interface StreamOptions {
  readonly includeUsage: boolean;
  /** Chunks come in a few sizes only. */
  readonly hideSizes: boolean;
}
