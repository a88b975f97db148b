/**
 * Refuses what would be refused anyway, before its memory is searched and its prompt is tokenized: under overload a refusal
 * has to cost next to nothing, and nothing of the caller's limits.
 */
import type { FastifyRequest } from 'fastify';
import { MillraceError } from '../../core/errors.ts';
import type { ServedGenerator } from '../completion/served-model.ts';
import { accountOf, type Context } from './context.ts';
import { errorTypeOf, failureOf } from './error-reply.ts';
import { traceFields } from './request-watch.ts';

export interface Asked {
  readonly operation: 'chat' | 'text_completion';
  readonly model: ServedGenerator;
  /** The model as the request names it. */
  readonly name: string;
  readonly numSequences: number;
}

/** Throws rate_limited, engine_unavailable, queue_full or deadline_unmeetable; counted, logged and traced. */
export function refuseEarly(context: Context, request: FastifyRequest, asked: Asked): void {
  const account = accountOf(request);
  const { tenant } = account;
  const { model, numSequences } = asked;
  const startMs = context.clock.nowMs();
  try {
    account.checkConcurrency();
    context.admissionOf(model).check({ tenant, numSequences, promptTokens: 0 });
  } catch (error) {
    if (error instanceof MillraceError) record(context, request, asked, { startMs, error });
    throw error;
  }
}

function record(
  { metrics, clock }: Context,
  request: FastifyRequest,
  { operation, model, name }: Asked,
  { startMs, error }: { readonly startMs: number; readonly error: MillraceError },
): void {
  const { tenant } = accountOf(request);
  const { status } = failureOf(error);
  const endMs = clock.nowMs();
  const who = { operation, model: model.id, version: model.version, tenant, status };
  metrics.requests.recordShed(model.id, error.code);
  metrics.requests.record({
    ...who,
    tookMs: endMs - startMs,
    queueMs: null,
    ttftMs: null,
    promptTokens: 0,
    completionTokens: 0,
    finishes: [],
  });
  request.log.info({ ...who, error: error.code, ...traceFields(request) }, 'generation');
  request.trace?.inference({
    operation,
    requestModel: name,
    responseModel: model.id,
    version: model.version,
    startMs,
    endMs,
    inputTokens: 0,
    errorType: errorTypeOf(error),
    generation: null,
  });
}
