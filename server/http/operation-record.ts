/** What is told of an operation without a generation: one that never reached an engine, or that a batch host did. */
import type { FastifyRequest } from 'fastify';
import { accountOf, type Context } from './context.ts';

export interface Operation {
  readonly operation: 'chat' | 'text_completion' | 'embeddings' | 'score';
  readonly model: { readonly id: string; readonly version: string };
  /** The model as the request names it. */
  readonly name: string;
  /** Known of it when it ended. */
  readonly promptTokens: number;
}

export interface OperationEnd {
  readonly startMs: number;
  readonly status: number;
  /** Null where nothing went wrong. */
  readonly errorType: string | null;
}

/** To metrics and to the trace. */
export function recordOperation(
  { metrics, clock }: Context,
  request: FastifyRequest,
  { operation, model, name, promptTokens }: Operation,
  { startMs, status, errorType }: OperationEnd,
): void {
  const endMs = clock.nowMs();
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
