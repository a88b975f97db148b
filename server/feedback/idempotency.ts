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

/**
 * The row that a key and its body make, on whichever replica they come first: both may write it, and it is one. A UUID of
 * version 8 (RFC 9562, 5.8), out of the digest's first bytes.
 */
export function rowIdOf({ key, digest }: NonNullable<FeedbackRecord['idempotency']>): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify([key, digest]))
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const hash = (parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
