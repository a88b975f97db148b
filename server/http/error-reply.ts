/** Failures as OpenAI's error object. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { MillraceError } from '../../core/errors.ts';
import { EngineFailure } from '../completion/completion.ts';
import { type HttpError, httpErrors } from './error-map.ts';
import { traceFields } from './request-watch.ts';

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

interface Failure extends HttpError {
  readonly message: string;
  readonly param: string | null;
  readonly retryAfterMs: number | null;
}

/** Any thrown value as a status and a body; what is not ours or fastify's stays unexplained to the client. */
export function failureOf(error: unknown): Failure {
  if (error instanceof EngineFailure) {
    return failureOf(new MillraceError('engine_failed', { reason: error.message, retryAfterMs: 500 }));
  }
  if (error instanceof MillraceError) {
    const { retryAfterMs } = error.details;
    const retry = typeof retryAfterMs === 'number' ? retryAfterMs : null;
    return { message: error.message, param: error.param, retryAfterMs: retry, ...httpErrors[error.code] };
  }
  const status = (error as FastifyError | null)?.statusCode ?? 500;
  if (status >= 500 || !(error instanceof Error)) {
    const message = 'The server failed on this request. Its log names the reason under the request id.';
    return {
      status: 500,
      type: 'server_error',
      code: 'internal_error',
      message,
      param: null,
      retryAfterMs: null,
    };
  }
  const { validation, message } = error as FastifyError;
  const param = validation?.[0] ? parameterOf(validation[0]) : null;
  const code = status === 413 ? 'content_too_large' : null;
  return {
    status,
    type: 'invalid_request_error',
    code,
    message: cleanMessage(message, param),
    param,
    retryAfterMs: null,
  };
}

/** Of few different ones, for logs and traces. */
export function errorTypeOf(error: unknown): string {
  if (error instanceof MillraceError) return error.code;
  if (error instanceof EngineFailure) return 'engine_failed';
  return failureOf(error).code ?? 'internal_error';
}

export function errorBody({ message, type, param, code }: Failure): ErrorBody {
  return { error: { message, type, param, code } };
}

/** Sends the failure and, where waiting helps, when to come back. */
export function sendFailure(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const failure = failureOf(error);
  if (failure.status >= 500) request.log.error({ err: error, ...traceFields(request) }, 'request failed');
  if (failure.retryAfterMs !== null) {
    reply.header('retry-after', Math.ceil(failure.retryAfterMs / 1000));
    reply.header('retry-after-ms', failure.retryAfterMs);
  }
  return reply.code(failure.status).send(errorBody(failure));
}

interface ValidationProblem {
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** "/messages/0/role" → "messages[0].role". */
function parameterOf({ instancePath, params }: ValidationProblem): string | null {
  const missing = typeof params.missingProperty === 'string' ? `/${params.missingProperty}` : '';
  const path = (instancePath + missing).slice(1).split('/');
  const text = path
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
  return text === '' ? null : text;
}

/** Validators speak of "body/stop"; clients sent "stop". Control characters stay out of logs and terminals. */
function cleanMessage(message: string, param: string | null): string {
  const text = message.replace(/^body\/?\S*/, param === null ? 'The body' : `"${param}"`);
  return text.replace(/\p{Cc}/gu, ' ').slice(0, 500);
}
