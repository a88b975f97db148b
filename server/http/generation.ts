/**
 * From an accepted body to the end of its answer: admit, run, stream or gather, account for it. The client's leaving, a
 * slow reader or the deadline end everything the request has started. (No AbortSignal for each request: scavenges do not
 * free them, nor what they reach; see docs/experiments.md.)
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MillraceError } from '../../core/errors.ts';
import type { Admitted } from '../admission/admission.ts';
import {
  type CompletionResult,
  type CompletionSink,
  type RunningCompletion,
  startCompletion,
} from '../completion/completion.ts';
import { clientLeft } from '../observability/request-metrics.ts';
import type { Reservation } from './auth.ts';
import { accountOf, type Context, limitHeaders, setHeaders } from './context.ts';
import { errorBody, failureOf, sendFailure } from './error-reply.ts';
import type { GenerationOptions } from './generation-options.ts';
import { type Cancellation, recordGeneration } from './generation-record.ts';
import type { Gathered } from './openai/format.ts';
import { obfuscate } from './openai/obfuscate.ts';
import { observed } from './outcome.ts';
import { farewell } from './readiness.ts';
import { traceFields, traceHeaders } from './request-watch.ts';
import { EventStream } from './sse.ts';

/** Why a request ended early: nobody is there to read its answer. */
class Gone extends Error {}

/** One request while it is answered: what ends it, and what is known of it when it has ended. */
class Attempt {
  cancellation: Cancellation | null = null;
  admitted: Admitted | null = null;
  /** Why it was cancelled. */
  reason: Error | null = null;
  running: RunningCompletion | null = null;
  /** What went wrong, also behind a head that said 200. */
  failure: unknown = null;
  answers: () => readonly string[] = () => [];

  /** The first reason counts. */
  cancel(cancellation: Cancellation, reason: Error): void {
    if (this.reason !== null) return;
    this.cancellation = cancellation;
    this.reason = reason;
    this.running?.cancel(reason);
  }
}

export async function generate(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  options: GenerationOptions,
): Promise<FastifyReply> {
  const { completion } = options;
  const account = accountOf(request);
  const numSequences = completion.prompts.length * completion.numChoices;
  const promptTokens = completion.prompts.reduce((sum, prompt) => sum + prompt.length, 0);
  const attempt = new Attempt();
  let usedTokens = 0;
  let reservation: Reservation | null = null;
  const watch = watchClient(context, reply, attempt);
  const startMs = context.clock.nowMs();
  let result: CompletionResult | null = null;
  let status = 200;
  try {
    reservation = await account.reserve(promptTokens + numSequences * completion.maxTokens);
    const { tenant } = account;
    attempt.admitted = context.admissionOf(completion.model).admit({ tenant, numSequences, promptTokens });
    const headers = { 'x-millrace-version': completion.version, ...limitHeaders(reservation.budgets) };
    const run = options.stream === null ? gathered : streamed;
    result = await run(context, request, reply, options, headers, attempt);
    usedTokens = result.usage.promptTokens + result.usage.completionTokens;
    return reply;
  } catch (error) {
    attempt.failure = error;
    if (error instanceof Gone || reply.raw.destroyed) {
      attempt.cancellation ??= 'client_left';
      status = clientLeft;
      reply.hijack();
      reply.raw.destroy();
      return reply;
    }
    status = failureOf(error).status;
    return sendFailure(request, reply, error);
  } finally {
    watch.stop();
    attempt.admitted?.ended(result?.usage.completionTokens ?? 0);
    reservation?.settle(usedTokens);
    const { running, cancellation, failure, answers } = attempt;
    const end = { status, startMs, result, running, cancellation, failure, answers };
    recordGeneration(context, request, options, end);
  }
}

function watchClient(context: Context, reply: FastifyReply, attempt: Attempt): { stop(): void } {
  const onClose = (): void => {
    if (!reply.raw.writableFinished) attempt.cancel('client_left', new Gone('the client left'));
  };
  const onDeadline = (): void => {
    const message = `The request took longer than ${context.limits.requestMs} ms and was ended.`;
    attempt.cancel('deadline', new MillraceError('engine_failed', { reason: message, retryAfterMs: 1000 }));
  };
  const timer = setTimeout(onDeadline, context.limits.requestMs);
  reply.raw.once('close', onClose);
  return {
    stop() {
      clearTimeout(timer);
      reply.raw.off('close', onClose);
    },
  };
}

type Run = (
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  options: GenerationOptions,
  headers: Readonly<Record<string, string>>,
  attempt: Attempt,
) => Promise<CompletionResult>;

async function complete(
  { clock, metrics }: Context,
  { completion, onAnswer, onOutcome }: GenerationOptions,
  sink: CompletionSink,
  attempt: Attempt,
): Promise<CompletionResult> {
  const { answers } = attempt;
  const nowMs = (): number => clock.nowMs();
  const timed: CompletionSink = {
    gap: metrics.requests.gapsOf(completion.model.id),
    ...sink,
    delta(delta) {
      attempt.admitted?.started();
      sink.delta(delta);
    },
  };
  const run = async (): Promise<CompletionResult> => {
    if (attempt.reason !== null) throw attempt.reason;
    attempt.running = startCompletion(completion, timed, nowMs);
    return attempt.running.result;
  };
  const result = await observed(run, { completion, nowMs, answers, onOutcome });
  onAnswer?.(answers());
  return result;
}

const gathered: Run = async (context, _request, reply, options, headers, attempt) => {
  const { completion, formatter } = options;
  const numChoices = completion.prompts.length * completion.numChoices;
  const choices = Array.from({ length: numChoices }, (): Gathered => {
    return { text: '', logprobs: [], finish: null, promptLogprobs: null };
  });
  const sink = {
    prompt(prompt: number, logprobs: Gathered['promptLogprobs']) {
      for (let i = 0; i < completion.numChoices; i++) {
        choices[prompt * completion.numChoices + i]!.promptLogprobs = logprobs;
      }
    },
    delta({ choice, text, logprobs, finish }: Parameters<typeof formatter.chunk>[0]) {
      const into = choices[choice]!;
      into.text += text;
      into.logprobs.push(...logprobs);
      into.finish = finish ?? into.finish;
    },
  };
  attempt.answers = () => choices.map(({ text }) => text);
  const result = await complete(context, options, sink, attempt);
  setHeaders(reply, headers);
  await reply.send(formatter.answer(choices, result.usage));
  return result;
};

const streamed: Run = async (context, request, reply, options, headers, attempt) => {
  const { completion, formatter } = options;
  const { includeUsage = false, hideSizes = false } = options.stream ?? {};
  const frame = hideSizes ? obfuscate : (json: string): string => json;
  let stream: EventStream | null = null;
  // The head is sent with the first piece: until then a failure can still have a status.
  const open = (): EventStream => {
    if (stream !== null) return stream;
    reply.hijack();
    stream = new EventStream(
      reply.raw,
      { 'x-request-id': request.id, ...headers, ...traceHeaders(request), ...farewell(context.readiness) },
      {
        keepAliveMs: context.limits.keepAliveMs,
        onSlow: () => attempt.cancel('slow_reader', new Gone('the client does not read')),
      },
    );
    for (const chunk of formatter.opening()) stream.data(frame(chunk));
    return stream;
  };
  const patience = setTimeout(open, context.limits.keepAliveMs);
  try {
    const answers = Array.from({ length: completion.prompts.length * completion.numChoices }, () => '');
    attempt.answers = () => answers;
    const sink = {
      delta(delta: Parameters<typeof formatter.chunk>[0]) {
        answers[delta.choice] += delta.text;
        open().data(frame(formatter.chunk(delta)));
      },
    };
    const result = await complete(context, options, sink, attempt);
    if (includeUsage) open().data(frame(formatter.usageChunk(result.usage)));
    open().data('[DONE]');
    open().end();
    return result;
  } catch (error) {
    if (stream === null || error instanceof Gone) throw error;
    attempt.failure = error;
    const failed = stream as EventStream;
    failed.data(JSON.stringify(errorBody(failureOf(error))));
    failed.end();
    request.log.error({ err: error, ...traceFields(request) }, 'stream failed');
    const usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };
    return { usage, ttftMs: null, queueMs: 0 };
  } finally {
    clearTimeout(patience);
  }
};
