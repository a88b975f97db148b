/**
 * Entry of the keeper thread, the only writer of stored responses and of the feedback log: redaction, digests and the
 * disk stay off the gateway's event loop.
 */
import { randomUUID } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError } from '../../core/errors.ts';
import { LogWriter } from '../../core/feedback/log-writer.ts';
import type { FeedbackRecord, UndoRecord } from '../../core/feedback/record.ts';
import { invariant } from '../../core/invariant.ts';
import { redact } from '../../core/privacy/redact.ts';
import { composeRecord, mapContext, type Stamp } from './compose.ts';
import { FeedbackIndex } from './feedback-index.ts';
import type { FeedbackRequest } from './feedback-request.ts';
import type { Ask, FeedbackView, KeeperCall, KeeperCalls, KeeperOptions } from './keeper-messages.ts';
import { ResponseStore } from './response-store.ts';
import type { StoredResponse } from './stored-response.ts';

type Calls = {
  readonly [Name in KeeperCall]: (ask: KeeperCalls[Name]['ask']) => Promise<KeeperCalls[Name]['answer']>;
};

const hourMs = 3_600_000;

class Keeper implements Calls {
  private readonly options: KeeperOptions;
  private readonly log: LogWriter;
  private readonly responses: ResponseStore | null;
  private readonly index: FeedbackIndex;
  /** Requests with a key that are being written. */
  private readonly inFlight = new Map<string, Promise<FeedbackRecord>>();

  constructor(options: KeeperOptions, log: LogWriter, responses: ResponseStore | null, index: FeedbackIndex) {
    this.options = options;
    this.log = log;
    this.responses = responses;
    this.index = index;
  }

  async put(response: StoredResponse): Promise<null> {
    const clean = (text: string): string => redact(text).text;
    const context = mapContext(response.context, clean);
    await this.responses?.put({ ...response, context, answers: response.answers.map(clean) });
    return null;
  }

  async feedback(request: FeedbackRequest): Promise<FeedbackRecord> {
    const { idempotency, account } = request;
    if (idempotency === null) return this.write(request);
    const name = `${account}/${idempotency.key}`;
    const earlier = this.index.byIdempotencyKey(account, idempotency.key) ?? (await this.inFlight.get(name));
    if (earlier !== undefined) {
      if (earlier.idempotency?.digest !== idempotency.digest) throw new MillraceError('idempotency_conflict');
      return earlier;
    }
    const writing = this.write(request);
    this.inFlight.set(name, writing);
    return writing.finally(() => this.inFlight.delete(name));
  }

  async view({ id, tenant }: { id: string; tenant: string }): Promise<FeedbackView | null> {
    const record = this.index.get(id);
    if (record === null || record.tenant !== tenant) return null;
    return { record, fate: await this.index.fateOf(id, this.options.folders.fates) };
  }

  async undo({ tenant, what }: Pick<UndoRecord, 'tenant' | 'what'>): Promise<UndoRecord> {
    const record: UndoRecord = { type: 'undo', ...stamp('undo'), tenant, what };
    await this.log.append(record);
    return record;
  }

  async close(): Promise<null> {
    await this.log.close();
    await this.responses?.close();
    return null;
  }

  private async write(request: FeedbackRequest): Promise<FeedbackRecord> {
    const record = composeRecord(request, await this.responseOf(request), stamp('fb'));
    await this.log.append(record);
    this.index.add(record);
    return record;
  }

  private async responseOf({ subject, tenant }: FeedbackRequest): Promise<StoredResponse | null> {
    if (subject.kind === 'demonstration') return null;
    const { responseId: id, choice } = subject;
    const found = await this.responses?.get(id, tenant, Date.now());
    const hours = (this.options.responses?.keepMs ?? 0) / hourMs;
    if (!found) throw new MillraceError('response_not_found', { id, hours }, { param: 'response_id' });
    if (choice >= found.answers.length) {
      const message = `The response ${id} has ${found.answers.length} choice(s); there is none with index ${choice}.`;
      throw new MillraceError('invalid_argument', { message }, { param: 'choice' });
    }
    return found;
  }
}

const stamp = (prefix: string): Stamp => ({
  id: `${prefix}-${randomUUID()}`,
  receivedAt: new Date().toISOString(),
});

async function open(options: KeeperOptions): Promise<Keeper> {
  const { folders, responses: limits, log: logLimits, maxIndexed } = options;
  const log = await LogWriter.open(folders.feedback, logLimits);
  const index = new FeedbackIndex(maxIndexed);
  await index.load(folders.feedback);
  const responses = limits === null ? null : await ResponseStore.open(folders.responses, limits, Date.now());
  return new Keeper(options, log, responses, index);
}

invariant(parentPort !== null, 'the keeper is a thread');
const port = parentPort;
const keeper = open(workerData as KeeperOptions);
keeper.then(
  () => port.postMessage({ call: 0, answer: null }),
  (error: unknown) => port.postMessage({ call: 0, failure: failureOf(error) }),
);

port.on('message', async ({ call, name, ask }: Ask) => {
  try {
    const opened = await keeper;
    const run = opened[name].bind(opened) as (ask: unknown) => Promise<unknown>;
    port.postMessage({ call, answer: await run(ask) });
  } catch (error) {
    port.postMessage({ call, failure: failureOf(error) });
  }
});

function failureOf(error: unknown) {
  if (error instanceof MillraceError) {
    return { code: error.code, details: error.details, param: error.param };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return { code: 'feedback_unavailable' as const, details: { reason, retryAfterMs: 1000 }, param: null };
}
