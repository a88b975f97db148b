/**
 * The catalogue of everything that may be refused or go wrong, by code.
 * Knows nothing of HTTP: server/http/error-map.ts turns a code into a status.
 * A message says what happened, the value got, the value expected, and what to do.
 */

const catalogue = {
  invalid_argument: '{message}',
  config_invalid: 'The configuration has {count} problem(s):\n{problems}',
  checkpoint_not_found: 'No checkpoint at {path}. Give a Hugging Face directory or a .gguf file.',
  checkpoint_invalid: 'The checkpoint {path} cannot be used: {reason}',
  architecture_unsupported: 'The architecture "{architecture}" is not supported. Supported: {supported}.',
  tokenizer_unsupported: 'The tokenizer cannot be used: {reason}',
  template_invalid: 'The chat template failed: {reason}',
  version_invalid: 'The model version {path} is refused: {reason}',
  version_not_found: 'There is no version {version} here.',
  version_fetch_failed: 'The files of {version} cannot be had at the moment: {reason}.',
  base_replaced:
    'The version {version} was made for the base {trained}, and "{model}" is answered by the base {served} now, which it does not fit. Train it again, or have that base served again: millrace versions base {trained}.',
  model_not_found: 'The model "{model}" does not exist. Available: {available}.',
  context_length_exceeded:
    'The prompt has {promptTokens} tokens and {maxTokens} were asked for, but the context holds {maxContext}.',
  queue_full: 'The server is at capacity ({waiting} requests wait). Try again in {retryAfterMs} ms.',
  deadline_unmeetable: 'The request cannot start within {maxWaitMs} ms. Try again in {retryAfterMs} ms.',
  rate_limited: 'The rate limit of this key is reached ({limit}). Try again in {retryAfterMs} ms.',
  unauthorized: 'Missing or wrong API key. Send "Authorization: Bearer <key>".',
  forbidden: 'This API key lacks the scope "{scope}".',
  adapters_busy:
    'Requests of others use all {maxRows} rows of adapters that the engine has room for (engine.maxAdapterRows). Try again in {retryAfterMs} ms.',
  engine_unavailable: 'The engine is not ready: {reason}. Try again in {retryAfterMs} ms.',
  engine_failed: 'The engine stopped while it worked on this request: {reason}',
  engine_internal: 'The engine reported a failure: {reason}',
  response_not_found:
    'There is no stored response {id}: it was never stored, has expired, or is not yours. Responses are kept for {hours} hours.',
  feedback_not_found: 'There is no feedback {id}, or it is not yours.',
  memory_not_found: 'There is no memory {id}, or it is not yours.',
  file_not_found: 'There is no file {id}, or it is not yours.',
  job_not_found: 'There is no fine-tuning job {id}, or it is not yours.',
  idempotency_conflict:
    'The Idempotency-Key was used before with another body. Use a new key for a new request.',
  learning_off: 'This server does not learn: {reason}.',
  feedback_unavailable: 'Feedback cannot be stored at the moment: {reason}. Try again in {retryAfterMs} ms.',
  cluster_unavailable:
    'What the replicas share cannot be had at the moment: {reason}. Try again in {retryAfterMs} ms.',
  aliases_contended:
    'Others are moving the aliases at the same time, again and again. Try again in {retryAfterMs} ms.',
  replicas_not_ready:
    'Fewer than {percent} % of the replicas can serve the version {version} so far. Try again in {retryAfterMs} ms.',
  not_the_learner:
    'This is asked of the replica that learns, {learner}; this one follows it. Ask there, at its admin listener.',
  download_failed: 'Could not fetch {what}:\n{reasons}',
} as const;

export type ErrorCode = keyof typeof catalogue;
export type ErrorDetails = Readonly<Record<string, string | number>>;

/** A failure with a code from the catalogue; `param` names the request field or option at fault. */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly param: string | null;

  constructor(
    code: ErrorCode,
    details: ErrorDetails = {},
    options: { param?: string; cause?: unknown } = {},
  ) {
    const text = catalogue[code].replace(/\{(\w+)\}/g, (_, name: string) => String(details[name] ?? '?'));
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.details = details;
    this.param = options.param ?? null;
  }
}

export const errorCodes = Object.keys(catalogue) as readonly ErrorCode[];

/** The message of a code before its details are filled in, for documents. */
export const errorTemplate = (code: ErrorCode): string => catalogue[code];
