/** Work of a batch host for one caller: within the caller's limits, given up when the client leaves, counted and traced. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientLeft } from '../observability/request-metrics.ts';
import { accountOf, type Context } from './context.ts';
import { errorTypeOf, failureOf } from './error-reply.ts';
import { whileConnected } from './while-connected.ts';

export interface BatchedWork<T> {
  readonly operation: 'embeddings' | 'score';
  readonly model: { readonly id: string; readonly version: string };
  /** The model as the request names it. */
  readonly name: string;
  readonly promptTokens: number;
  run(signal: AbortSignal): Promise<T>;
}

/** Settles as `run` does. Throws rate_limited, cluster_unavailable. */
export async function batched<T>(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  work: BatchedWork<T>,
): Promise<T> {
  const { promptTokens } = work;
  const reservation = await accountOf(request).reserve(promptTokens);
  const startMs = context.clock.nowMs();
  let errorType: string | null = null;
  let status = 200;
  try {
    return await whileConnected(reply, (signal) => work.run(signal));
  } catch (error) {
    status = reply.raw.destroyed ? clientLeft : failureOf(error).status;
    errorType = reply.raw.destroyed ? 'client_left' : errorTypeOf(error);
    throw error;
  } finally {
    reservation.settle(promptTokens);
    record(context, request, work, { startMs, endMs: context.clock.nowMs(), status, errorType });
  }
}

interface BatchEnd {
  readonly startMs: number;
  readonly endMs: number;
  readonly status: number;
  readonly errorType: string | null;
}

function record(
  { metrics }: Context,
  request: FastifyRequest,
  { operation, model, name, promptTokens }: BatchedWork<unknown>,
  { startMs, endMs, status, errorType }: BatchEnd,
): void {
  metrics.requests.record({
    operation,
    model: model.id,
    version: model.version,
    tenant: accountOf(request).tenant,
    status,
    tookMs: endMs - startMs,
    queueMs: null,
    ttftMs: null,
    promptTokens: errorType === null ? promptTokens : 0,
    completionTokens: 0,
    finishes: [],
  });
  request.trace?.inference({
    operation,
    requestModel: name,
    responseModel: model.id,
    version: model.version,
    startMs,
    endMs,
    inputTokens: promptTokens,
    errorType,
    generation: null,
  });
}
