/** Why a job cannot succeed, as its client is told. */

import type { JobError } from '../../core/jobs/job.ts';
import { messageOf } from '../../core/message-of.ts';

export class JobFailure extends Error {
  readonly code: string;
  /** Field of the request at fault. */
  readonly param: string | null;

  constructor(code: string, message: string, param: string | null = null) {
    super(message);
    this.name = 'JobFailure';
    this.code = code;
    this.param = param;
  }
}

/** Whatever was thrown, in OpenAI's shape. */
export function jobErrorOf(error: unknown): JobError {
  const message = messageOf(error);
  if (error instanceof JobFailure) return { code: error.code, message, param: error.param };
  return { code: 'training_failed', message, param: null };
}
