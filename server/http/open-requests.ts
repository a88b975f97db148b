/**
 * Requests that are being answered, told apart by when they came: whatever a request found when it came stays until the
 * last of its time has ended, as with read-copy-update (McKenney and Slingwine, 1998).
 */
import type { EventEmitter } from 'node:events';
import { createDeferred, type Deferred } from '../../core/deferred.ts';

interface Cohort {
  numOpen: number;
  /** No request joins it any more. */
  isClosed: boolean;
  readonly ended: Deferred<void>;
  /** Those that came before it. */
  readonly earlier: Promise<unknown>;
}

const newCohort = (earlier: Promise<unknown>): Cohort => ({
  numOpen: 0,
  isClosed: false,
  ended: createDeferred(),
  earlier,
});

export class OpenRequests {
  private latest = newCohort(Promise.resolve());

  /** Counts what comes to an HTTP server, from before its first handler to the end of the answer or of the connection. */
  watch(server: Pick<EventEmitter, 'prependListener'>): void {
    server.prependListener('request', (_request: unknown, response: EventEmitter) => this.enter(response));
  }

  enter(response: Pick<EventEmitter, 'once'>): void {
    const cohort = this.latest;
    cohort.numOpen++;
    response.once('close', () => {
      cohort.numOpen--;
      settle(cohort);
    });
  }

  /** Resolves in a moment in which none is open. */
  async none(): Promise<void> {
    do await this.ended();
    while (this.latest.numOpen > 0);
  }

  /** Resolves once every request that is open now has ended, however many come after. */
  async ended(): Promise<void> {
    const cohort = this.latest;
    cohort.isClosed = true;
    settle(cohort);
    const all = Promise.all([cohort.earlier, cohort.ended.promise]);
    this.latest = newCohort(all);
    await all;
  }
}

function settle({ isClosed, numOpen, ended }: Cohort): void {
  if (isClosed && numOpen === 0) ended.resolve();
}
