/**
 * Refuses what would be refused anyway, before its memory is searched and its prompt is tokenized: under overload a refusal
 * has to cost next to nothing, and nothing of the caller's limits.
 */
import type { FastifyRequest } from 'fastify';
import { MillraceError } from '../../core/errors.ts';
import type { ServedGenerator } from '../completion/served-model.ts';
import { accountOf, type Context } from './context.ts';
import { errorTypeOf, failureOf } from './error-reply.ts';
import { recordOperation } from './operation-record.ts';
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
    if (error instanceof MillraceError) recordRefusal(context, request, asked, { startMs, error });
    throw error;
  }
}

/** Counts, logs and traces a refusal for which no engine was asked. */
export function recordRefusal(
  context: Context,
  request: FastifyRequest,
  { operation, model, name }: Asked,
  { startMs, error }: { readonly startMs: number; readonly error: MillraceError },
): void {
  const { tenant } = accountOf(request);
  const { status } = failureOf(error);
  const who = { operation, model: model.id, version: model.version, tenant, status };
  context.metrics.requests.recordShed(model.id, error.code);
  request.log.info({ ...who, error: error.code, ...traceFields(request) }, 'generation');
  const end = { startMs, status, errorType: errorTypeOf(error) };
  recordOperation(context, request, { operation, model, name, promptTokens: 0 }, end);
}
