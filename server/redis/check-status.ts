/** Which status is refused, and how one is written. */
import { MillraceError } from '../../core/errors.ts';
import { maxStatusBytes, type ReplicaStatus } from '../cluster/roster.ts';

/** Throws invalid_argument for one that is too large. */
export function statusText(status: ReplicaStatus): string {
  const text = JSON.stringify(status);
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxStatusBytes) return text;
  const message = `The status of the replica ${status.id.slice(0, 64)} takes ${bytes} bytes, at most ${maxStatusBytes}.`;
  throw new MillraceError('invalid_argument', { message });
}
