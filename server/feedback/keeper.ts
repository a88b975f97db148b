/** The gateway's side of the keeper thread: calls with a deadline, and a bound on those under way. */
import { Worker } from 'node:worker_threads';
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { MillraceError } from '../../core/errors.ts';
import type { Answer, Ask, KeeperCall, KeeperCalls, KeeperOptions } from './keeper-messages.ts';
import type { StoredResponse } from './stored-response.ts';

/** Beyond these, calls are refused and responses are not stored. */
const maxPending = 1_024;
const timeoutMs = 5_000;
/** Reading the index of a large log. */
const openTimeoutMs = 60_000;

export interface Keeper {
  /** Without a promise that it works: a response that is not stored can get no feedback. */
  keep(response: StoredResponse): void;
  /** Throws what the call's description says, and feedback_unavailable when the thread does not answer. */
  call<Name extends Exclude<KeeperCall, 'put' | 'close'>>(
    name: Name,
    ask: KeeperCalls[Name]['ask'],
  ): Promise<KeeperCalls[Name]['answer']>;
  close(): Promise<void>;
}

/** Throws when the folder cannot be used. */
export async function openKeeper(options: KeeperOptions): Promise<Keeper> {
  const keeper = new ThreadedKeeper(options);
  try {
    await keeper.opened;
    return keeper;
  } catch (error) {
    await keeper.stop();
    throw error;
  }
}

class ThreadedKeeper implements Keeper {
  readonly opened: Promise<unknown>;
  private readonly worker: Worker;
  private readonly pending = new Map<number, Deferred<unknown>>();
  private lastCall = 0;
  /** Why no call can succeed any more. */
  private dead: string | null = null;

  constructor(options: KeeperOptions) {
    this.worker = new Worker(new URL('./keeper-thread.js', import.meta.url), { workerData: options });
    this.worker.on('message', (answer: Answer) => this.settle(answer));
    this.worker.on('error', (error) => this.failAll(error.message));
    this.opened = this.wait(0, openTimeoutMs);
  }

  keep(response: StoredResponse): void {
    if (this.pending.size >= maxPending || this.dead !== null) return;
    this.ask('put', response).catch(() => {});
  }

  call<Name extends KeeperCall>(
    name: Name,
    ask: KeeperCalls[Name]['ask'],
  ): Promise<KeeperCalls[Name]['answer']> {
    if (this.dead !== null) return Promise.reject(unavailable(this.dead));
    if (this.pending.size >= maxPending) return Promise.reject(unavailable('too much is being stored'));
    return this.ask(name, ask);
  }

  async close(): Promise<void> {
    if (this.dead === null) await this.ask('close', null).catch(() => {});
    await this.stop();
  }

  async stop(): Promise<void> {
    await this.worker.terminate();
  }

  private ask<Name extends KeeperCall>(
    name: Name,
    ask: KeeperCalls[Name]['ask'],
  ): Promise<KeeperCalls[Name]['answer']> {
    const call = ++this.lastCall;
    const answer = this.wait(call, timeoutMs);
    this.worker.postMessage({ call, name, ask } satisfies Ask<Name>);
    return answer as Promise<KeeperCalls[Name]['answer']>;
  }

  private wait(call: number, limitMs: number): Promise<unknown> {
    const deferred = createDeferred<unknown>();
    const timer = setTimeout(() => deferred.reject(unavailable('the disk does not answer')), limitMs);
    this.pending.set(call, deferred);
    return deferred.promise.finally(() => {
      clearTimeout(timer);
      this.pending.delete(call);
    });
  }

  private settle(answer: Answer): void {
    const deferred = this.pending.get(answer.call);
    if ('answer' in answer) deferred?.resolve(answer.answer);
    else {
      const { code, details, param } = answer.failure;
      deferred?.reject(new MillraceError(code, details, param === null ? {} : { param }));
    }
  }

  private failAll(reason: string): void {
    this.dead = reason;
    for (const deferred of this.pending.values()) deferred.reject(unavailable(reason));
  }
}

const unavailable = (reason: string): MillraceError =>
  new MillraceError('feedback_unavailable', { reason, retryAfterMs: 1000 });
