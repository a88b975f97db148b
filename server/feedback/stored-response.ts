/** An answer as it is kept, so that feedback can refer to it. Texts are redacted. */
import type { Attribution, Context } from '../../core/feedback/record.ts';

export interface StoredResponse extends Omit<Attribution, 'responseId' | 'answeredAt'> {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  readonly context: Context;
  /** One text per choice. */
  readonly answers: readonly string[];
}
