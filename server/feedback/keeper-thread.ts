/**
 * Entry of the keeper thread, the only writer of stored responses and of the feedback log: redaction, digests and the
 * disk stay off the gateway's event loop. A thread that cannot open its folders ends with what is wrong with them.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError } from '../../core/errors.ts';
import { invariant } from '../../core/invariant.ts';
import { Archive } from './archive.ts';
import type { Answer, Ask, KeeperOptions } from './keeper-messages.ts';

/** How long what has expired may lie on the disk at most, beyond its segment's end. */
const expireEveryMs = 60_000;

invariant(parentPort !== null, 'the keeper is a thread');
const port = parentPort;
const archive = await Archive.open(workerData as KeeperOptions, Date.now);

port.on('message', async ({ call, name, ask }: Ask) => {
  try {
    const run = archive[name].bind(archive) as (ask: unknown) => Promise<unknown>;
    tell({ call, answer: await run(ask) });
  } catch (error) {
    tell({ call, failure: failureOf(error) });
  }
});
// What cannot be deleted now is tried again with the next response, which then says so.
setInterval(() => void archive.expire().catch(() => null), expireEveryMs).unref();
tell({ call: 0, answer: null });

function tell(answer: Answer): void {
  port.postMessage(answer);
}

function failureOf(error: unknown) {
  if (error instanceof MillraceError) {
    return { code: error.code, details: error.details, param: error.param };
  }
  // Messages of the system name paths, which are nobody's business; the code says enough.
  const { code, message } = error as NodeJS.ErrnoException;
  const details = { reason: code ?? message ?? String(error), retryAfterMs: 1000 };
  return { code: 'feedback_unavailable' as const, details, param: null };
}
