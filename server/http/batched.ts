/** Work of a batch host for one caller: within the caller's limits, given up when the client leaves, counted and traced. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientLeft } from '../observability/request-metrics.ts';
import { accountOf, type Context } from './context.ts';
import { errorTypeOf, failureOf } from './error-reply.ts';
import { type Operation, recordOperation } from './operation-record.ts';
import { whileConnected } from './while-connected.ts';

export interface BatchedWork<T> extends Operation {
  readonly operation: 'embeddings' | 'score';
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
    recordOperation(context, request, work, { startMs, status, errorType });
  }
}
