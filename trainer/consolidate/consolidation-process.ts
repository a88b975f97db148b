/** Entry of the process that consolidates: one job, then it ends, and all of its memory is given back. */

import { setPriority } from 'node:os';
import { MillraceError } from '../../core/errors.ts';
import { messageOf } from '../../core/message-of.ts';
import { buildBase } from './build-base.ts';
import type { FromProcess, ToProcess } from './job.ts';

const send = (message: FromProcess, sent = () => {}): void => void process.send?.(message, sent);

function failureOf(error: unknown): FromProcess {
  const message = messageOf(error);
  const coded = error instanceof MillraceError ? { code: error.code, details: error.details } : null;
  return { kind: 'failed', message, coded };
}

async function work({ job, niceness }: ToProcess): Promise<void> {
  // Threads inherit it from this one, so that it comes before any session.
  setPriority(niceness);
  const last = await buildBase(job, (progress) => send({ kind: 'progress', progress })).then(
    (built): FromProcess => ({ kind: 'built', built }),
    failureOf,
  );
  send(last, () => process.disconnect());
}

process.once('message', (message: ToProcess) => void work(message));
// Without the trainer there is no one to work for; what was written is swept when it comes back.
process.on('disconnect', () => process.exit(0));
// One that is gone already is not told of any more.
if (!process.connected) process.exit(0);
// The trainer decides when this process ends; a terminal's Ctrl-C reaches both.
process.on('SIGINT', () => {});
