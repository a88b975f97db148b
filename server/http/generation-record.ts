/** What is told of a generation once it is over: to metrics, to the log, to the trace. */
import type { FastifyRequest } from 'fastify';
import { MillraceError } from '../../core/errors.ts';
import type { CompletionResult, Progress, RunningCompletion } from '../completion/completion.ts';
import type { Inference } from '../observability/tracing.ts';
import type { Context } from './context.ts';
import { errorTypeOf, failureOf } from './error-reply.ts';
import type { GenerationOptions } from './generation-options.ts';
import { traceFields } from './request-watch.ts';

/** Why a request was ended before its time. */
export type Cancellation = 'client_left' | 'slow_reader' | 'deadline';

export interface GenerationEnd {
  /** As the client was told it. */
  readonly status: number;
  readonly startMs: number;
  /** Null where there is none. */
  readonly result: CompletionResult | null;
  /** Null where the engine was never asked. */
  readonly running: RunningCompletion | null;
  readonly cancellation: Cancellation | null;
  /** What went wrong, also after the client was told that all is well; null where nothing did. */
  readonly failure: unknown;
  /** What was generated. */
  readonly answers: () => readonly string[];
}

/** What follows from it. */
interface Ended {
  readonly end: GenerationEnd;
  readonly endMs: number;
  /** Of a whole answer. */
  readonly answered: CompletionResult | null;
  readonly progress: Progress;
  readonly errorType: string | null;
}

/** Refusals that mean that there is too much to do. */
const shedding: ReadonlySet<string> = new Set([
  'rate_limited',
  'queue_full',
  'deadline_unmeetable',
  'engine_unavailable',
]);

const nothing: Progress = {
  phase: 'queued',
  queueMs: null,
  ttftMs: null,
  lastTokenMs: null,
  completionTokens: 0,
  cachedTokens: 0,
  finishes: [],
};

export function recordGeneration(
  context: Context,
  request: FastifyRequest,
  options: GenerationOptions,
  end: GenerationEnd,
): void {
  const { result, running, cancellation, failure } = end;
  const ended = {
    end,
    endMs: context.clock.nowMs(),
    answered: failure === null ? result : null,
    progress: running?.progress() ?? nothing,
    errorType: cancellation ?? (failure === null ? null : errorTypeOf(failure)),
  };
  count(context, options, ended);
  log(request, options, ended);
  request.trace?.inference(inferenceOf(options, ended));
}

const finishesOf = ({ finishes }: Progress) => finishes.filter((finish) => finish !== null);

function count({ metrics }: Context, { operation, completion }: GenerationOptions, ended: Ended): void {
  const { end, endMs, answered, progress } = ended;
  const { startMs, running, cancellation, failure } = end;
  const model = completion.model.id;
  if (cancellation !== null) metrics.requests.recordCancelled(model, progress.phase, cancellation);
  else if (running === null && failure instanceof MillraceError && shedding.has(failure.code))
    metrics.requests.recordShed(model, failure.code);
  metrics.requests.record({
    operation,
    model,
    version: completion.version,
    tenant: completion.tenant,
    status: trueStatusOf(end),
    tookMs: endMs - startMs,
    queueMs: answered?.queueMs ?? null,
    ttftMs: answered?.ttftMs ?? null,
    promptTokens: answered?.usage.promptTokens ?? 0,
    completionTokens: answered?.usage.completionTokens ?? 0,
    finishes: progress.finishes,
  });
}

/** A stream that failed had said 200 before. */
function trueStatusOf({ status, failure }: GenerationEnd): number {
  return failure !== null && status < 400 ? failureOf(failure).status : status;
}

function log(request: FastifyRequest, { operation, completion }: GenerationOptions, ended: Ended): void {
  const { end, endMs, answered, progress, errorType } = ended;
  const { promptTokens = 0, completionTokens = 0, cachedTokens = 0 } = answered?.usage ?? {};
  const ending = errorType === null ? {} : { error: errorType, phase: progress.phase };
  request.log.info(
    {
      operation,
      model: completion.model.id,
      version: completion.version,
      tenant: completion.tenant,
      status: end.status,
      tookMs: Math.round(endMs - end.startMs),
      promptTokens,
      completionTokens,
      cachedTokens,
      queueMs: answered?.queueMs ?? null,
      ttftMs: answered?.ttftMs ?? null,
      finish: finishesOf(progress),
      ...ending,
      ...traceFields(request),
    },
    'generation',
  );
}

function inferenceOf(options: GenerationOptions, ended: Ended): Inference {
  const { operation, completion, formatter, stream, said } = options;
  const { end, endMs, answered, progress, errorType } = ended;
  return {
    operation,
    requestModel: completion.name,
    responseModel: completion.model.id,
    version: completion.version,
    startMs: end.startMs,
    endMs,
    inputTokens: completion.prompts.reduce((sum, prompt) => sum + prompt.length, 0),
    errorType,
    generation: {
      responseId: formatter.id,
      isStream: stream !== null,
      numChoices: completion.numChoices,
      maxTokens: completion.maxTokens,
      sampling: completion.sampling,
      stop: completion.stop,
      outputTokens: progress.completionTokens,
      cachedTokens: answered?.usage.cachedTokens ?? progress.cachedTokens,
      finishReasons: finishesOf(progress),
      queueMs: progress.queueMs,
      ttftMs: progress.ttftMs,
      lastTokenMs: progress.lastTokenMs,
      content: () => ({ input: inputOf(said), output: end.answers() }),
    },
  };
}

function inputOf(said: GenerationOptions['said']) {
  if (said === null) return [];
  return said.kind === 'chat' ? said.messages : [{ role: 'user', content: said.prompt }];
}
