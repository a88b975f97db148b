/**
 * An idempotency key as it goes to the disk. A client's key may hold a name or a secret, and a digest of a short body can
 * be guessed by trying: the first is hashed, the second is hashed together with the first.
 */
import { createHash } from 'node:crypto';
import type { FeedbackRecord } from '../../core/feedback/record.ts';
import type { FeedbackRequest } from './feedback-request.ts';

/** Keys of different accounts never meet. Null where none came. */
export function sealed({ tenant, account, idempotency }: FeedbackRequest): FeedbackRecord['idempotency'] {
  if (idempotency === null) return null;
  const { key, digest } = idempotency;
  return { key: hash([tenant, account, key]), digest: hash([key, digest]) };
}

const hash = (parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
