/**
 * The gateway's side of the keeper thread: calls with a deadline, and a bound on those under way. A thread that has died
 * is replaced; what it had not acknowledged was refused.
 */
import { Worker } from 'node:worker_threads';
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { MillraceError } from '../../core/errors.ts';
import type { Answer, Ask, KeeperCall, KeeperCalls, KeeperOptions } from './keeper-messages.ts';
import type { StoredResponse } from './stored-response.ts';

/** Beyond these, calls are refused. Responses may take half of it, so that feedback finds room. */
const maxPending = 1_024;
const maxPendingCharacters = 64 * 2 ** 20;
const shareOfResponses = 0.5;
const timeoutMs = 5_000;
/** Reading the index of a large log, or all of it. */
const longTimeoutMs = 60_000;
/** Calls that may read all of the log. */
const slow: ReadonlySet<KeeperCall> = new Set(['rows', 'receive']);
const retryAfterMs = 1_000;
/** Until a thread that has died is replaced; less than what clients are told. */
const restartMs = 500;

export interface Keeper {
  /** Without a promise that it works: a response that is not stored can get no feedback. */
  keep(response: StoredResponse): void;
  /** Responses that were not stored, since too many waited or the disk refused them. */
  readonly numUnstored: number;
  /** Throws what the call's description says, and feedback_unavailable when the thread does not answer. */
  call<Name extends Exclude<KeeperCall, 'put' | 'close'>>(
    name: Name,
    ask: KeeperCalls[Name]['ask'],
  ): Promise<KeeperCalls[Name]['answer']>;
  /** Waits for what is under way, within its deadlines. */
  close(): Promise<void>;
}

export interface KeeperEvents {
  /** Why a thread had to be replaced. */
  readonly onProblem?: (message: string) => void;
  /** What was kept and other replicas may need, redacted. Must be quick, and not throw. */
  readonly onKept?: (response: StoredResponse) => void;
}

/** Throws feedback_unavailable when the folders cannot be used. */
export async function openKeeper(options: KeeperOptions, events: KeeperEvents = {}): Promise<Keeper> {
  const keeper = new ThreadedKeeper(options, events);
  try {
    await keeper.start();
    return keeper;
  } catch (error) {
    await keeper.close();
    throw error;
  }
}

/** A call holds its place until the thread is done with it, also when nobody waits any longer. */
interface Pending extends Deferred<unknown> {
  readonly characters: number;
  readonly timer: NodeJS.Timeout;
}

class ThreadedKeeper implements Keeper {
  numUnstored = 0;
  private readonly options: KeeperOptions;
  private readonly events: KeeperEvents;
  private worker: Worker | null = null;
  private readonly pending = new Map<number, Pending>();
  private pendingCharacters = 0;
  private lastCall = 0;
  /** Why no call can succeed at the moment. */
  private absence: string | null = 'it has not started';
  private isClosed = false;
  private restart: NodeJS.Timeout | null = null;

  constructor(options: KeeperOptions, events: KeeperEvents) {
    this.options = options;
    this.events = events;
  }

  async start(): Promise<void> {
    const worker = new Worker(new URL('./keeper-thread.js', import.meta.url), { workerData: this.options });
    worker.on('message', (answer: Answer) => this.settle(answer));
    worker.on('error', ({ message }) => {
      this.events.onProblem?.(`the keeper thread: ${message}`);
      this.take(0)?.reject(unavailable(message));
    });
    worker.on('exit', () => this.lose());
    this.worker = worker;
    try {
      await this.wait(0, longTimeoutMs, 0);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
    this.absence = null;
  }

  keep(response: StoredResponse): void {
    if (this.isClosed || this.refusal(shareOfResponses) !== null) this.numUnstored++;
    else
      this.ask('put', response).then(
        (kept) => kept !== null && this.events.onKept?.(kept),
        () => {
          this.numUnstored++;
        },
      );
  }

  async call<Name extends KeeperCall>(
    name: Name,
    ask: KeeperCalls[Name]['ask'],
  ): Promise<KeeperCalls[Name]['answer']> {
    const refusal = this.isClosed ? 'the server is stopping' : this.refusal(1);
    if (refusal !== null) throw unavailable(refusal);
    return this.ask(name, ask);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.restart !== null) clearTimeout(this.restart);
    if (this.absence === null) {
      await Promise.allSettled([...this.pending.values()].map(({ promise }) => promise));
      await this.ask('close', null).catch(() => null);
    }
    await this.worker?.terminate();
  }

  private refusal(share: number): string | null {
    const isFull =
      this.pending.size >= maxPending * share || this.pendingCharacters >= maxPendingCharacters * share;
    return this.absence ?? (isFull ? 'too much is being stored' : null);
  }

  private ask<Name extends KeeperCall>(
    name: Name,
    ask: KeeperCalls[Name]['ask'],
  ): Promise<KeeperCalls[Name]['answer']> {
    const call = ++this.lastCall;
    const answer = this.wait(call, slow.has(name) ? longTimeoutMs : timeoutMs, charactersOf(ask));
    this.worker!.postMessage({ call, name, ask } satisfies Ask<Name>);
    return answer as Promise<KeeperCalls[Name]['answer']>;
  }

  private wait(call: number, limitMs: number, characters: number): Promise<unknown> {
    const deferred = createDeferred<unknown>();
    const timer = setTimeout(() => deferred.reject(unavailable('the disk does not answer')), limitMs);
    this.pending.set(call, { ...deferred, characters, timer });
    this.pendingCharacters += characters;
    return deferred.promise;
  }

  private settle(answer: Answer): void {
    const pending = this.take(answer.call);
    if ('answer' in answer) pending?.resolve(answer.answer);
    else {
      const { code, details, param } = answer.failure;
      pending?.reject(new MillraceError(code, details, param === null ? {} : { param }));
    }
  }

  private take(call: number): Pending | undefined {
    const pending = this.pending.get(call);
    if (pending === undefined) return undefined;
    clearTimeout(pending.timer);
    this.pending.delete(call);
    this.pendingCharacters -= pending.characters;
    return pending;
  }

  /** The thread has ended: nothing that it was asked will be answered. */
  private lose(): void {
    this.absence = 'its thread has ended';
    for (const call of [...this.pending.keys()]) this.take(call)?.reject(unavailable(this.absence));
    if (this.isClosed) return;
    // One that does not start ends, too, says why, and comes back here.
    this.restart = setTimeout(() => void this.start().catch(() => null), restartMs);
  }
}

/** Of all texts in it. */
function charactersOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, each) => sum + charactersOf(each), 0);
}

const unavailable = (reason: string): MillraceError =>
  new MillraceError('feedback_unavailable', { reason, retryAfterMs });
