/** The only place that knows which HTTP status a failure has, and how OpenAI's error object spells it. */
import type { ErrorCode } from '../../core/errors.ts';

export interface HttpError {
  readonly status: number;
  /** OpenAI's `type`. */
  readonly type: string;
  /** OpenAI's `code`; null where it has none. */
  readonly code: string | null;
}

const badRequest = (code: string | null = null): HttpError => ({
  status: 400,
  type: 'invalid_request_error',
  code,
});
const unavailable = (code: string): HttpError => ({ status: 503, type: 'server_error', code });
const notFound = (code: string): HttpError => ({ status: 404, type: 'invalid_request_error', code });
const internal: HttpError = { status: 500, type: 'server_error', code: 'internal_error' };
const tooMany = (code: string): HttpError => ({ status: 429, type: 'rate_limit_error', code });

export const httpErrors: Readonly<Record<ErrorCode, HttpError>> = {
  invalid_argument: badRequest(),
  context_length_exceeded: badRequest('context_length_exceeded'),
  template_invalid: badRequest('template_invalid'),
  model_not_found: notFound('model_not_found'),
  version_not_found: notFound('version_not_found'),
  // Not 410: with its base the version comes back.
  base_replaced: notFound('base_replaced'),
  response_not_found: notFound('response_not_found'),
  feedback_not_found: notFound('feedback_not_found'),
  memory_not_found: notFound('memory_not_found'),
  file_not_found: notFound('file_not_found'),
  job_not_found: notFound('job_not_found'),
  idempotency_conflict: { status: 409, type: 'invalid_request_error', code: 'idempotency_conflict' },
  version_fetch_failed: unavailable('version_fetch_failed'),
  learning_off: badRequest('learning_off'),
  feedback_unavailable: unavailable('feedback_unavailable'),
  cluster_unavailable: unavailable('cluster_unavailable'),
  unauthorized: { status: 401, type: 'authentication_error', code: 'invalid_api_key' },
  forbidden: { status: 403, type: 'permission_error', code: 'missing_scope' },
  rate_limited: tooMany('rate_limit_exceeded'),
  queue_full: tooMany('queue_full'),
  deadline_unmeetable: tooMany('deadline_unmeetable'),
  adapters_busy: unavailable('adapters_busy'),
  engine_unavailable: unavailable('engine_unavailable'),
  engine_failed: unavailable('engine_failed'),
  engine_internal: internal,
  config_invalid: internal,
  checkpoint_not_found: internal,
  checkpoint_invalid: internal,
  architecture_unsupported: internal,
  tokenizer_unsupported: internal,
  version_invalid: internal,
  aliases_contended: unavailable('aliases_contended'),
  replicas_not_ready: unavailable('replicas_not_ready'),
  not_the_learner: { status: 409, type: 'invalid_request_error', code: 'not_the_learner' },
  download_failed: internal,
};
