/**
 * From an accepted body to the end of its answer: admit, run, stream or gather, account for it. One signal, raised
 * by the client's leaving, a slow reader or the deadline, ends everything the request has started.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MillraceError } from '../../core/errors.ts';
import {
  type CompletionRequest,
  type CompletionResult,
  type CompletionSink,
  runCompletion,
} from '../completion/completion.ts';
import { accountOf, type Context, limitHeaders, setHeaders } from './context.ts';
import { errorBody, failureOf, sendFailure } from './error-reply.ts';
import type { Formatter, Gathered } from './openai/format.ts';
import { obfuscate } from './openai/obfuscate.ts';
import { type OnOutcome, observed } from './outcome.ts';
import { EventStream } from './sse.ts';

export interface GenerationOptions {
  readonly operation: 'chat' | 'text_completion';
  readonly completion: CompletionRequest;
  readonly formatter: Formatter;
  /** Null: one answer, when all is done. */
  readonly stream: StreamOptions | null;
  /** Is given the texts of all choices of an answer that was completed. */
  readonly onAnswer: ((answers: readonly string[]) => void) | null;
  /** Is told how it ended, see outcome.ts. */
  readonly onOutcome: OnOutcome | null;
}

export interface StreamOptions {
  readonly includeUsage: boolean;
  /** Chunks come in a few sizes only. */
  readonly hideSizes: boolean;
}

/** Why a request ended early. */
class Gone extends Error {}

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
  const settle = account.reserve(promptTokens + numSequences * completion.maxTokens);
  const ended = new AbortController();
  let usedTokens = 0;
  let release: (generatedTokens: number) => void = () => {};
  const watch = watchClient(context, reply, ended);
  const startMs = context.clock.nowMs();
  let result: CompletionResult | null = null;
  let status = 200;
  try {
    release = context.admissionOf(completion.model).admit(numSequences);
    const headers = { ...limitHeaders(account), 'x-millrace-version': completion.version };
    const run = options.stream === null ? gathered : streamed;
    result = await run(context, request, reply, options, headers, ended);
    usedTokens = result.usage.promptTokens + result.usage.completionTokens;
    return reply;
  } catch (error) {
    if (error instanceof Gone || reply.raw.destroyed) {
      status = 499;
      context.metrics.recordCancelled(completion.model.id);
      reply.hijack();
      reply.raw.destroy();
      return reply;
    }
    status = failureOf(error).status;
    return sendFailure(request, reply, error);
  } finally {
    watch.stop();
    release(result?.usage.completionTokens ?? 0);
    settle(usedTokens);
    record(context, request, options, { status, startMs, result });
  }
}

function watchClient(context: Context, reply: FastifyReply, ended: AbortController): { stop(): void } {
  const onClose = (): void => {
    if (!reply.raw.writableFinished) ended.abort(new Gone('the client left'));
  };
  const onDeadline = (): void => {
    const message = `The request took longer than ${context.limits.requestMs} ms and was ended.`;
    ended.abort(new MillraceError('engine_failed', { reason: message, retryAfterMs: 1000 }));
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
  ended: AbortController,
) => Promise<CompletionResult>;

async function complete(
  { clock }: Context,
  { completion, onAnswer, onOutcome }: GenerationOptions,
  sink: CompletionSink,
  signal: AbortSignal,
  answers: () => readonly string[],
): Promise<CompletionResult> {
  const nowMs = (): number => clock.nowMs();
  const run = (): Promise<CompletionResult> => runCompletion(completion, sink, signal, nowMs);
  const result = await observed(run, { completion, nowMs, answers, onOutcome });
  onAnswer?.(answers());
  return result;
}

const gathered: Run = async (context, _request, reply, options, headers, ended) => {
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
  const answers = (): string[] => choices.map(({ text }) => text);
  const result = await complete(context, options, sink, ended.signal, answers);
  setHeaders(reply, headers);
  await reply.send(formatter.answer(choices, result.usage));
  return result;
};

const streamed: Run = async (context, request, reply, options, headers, ended) => {
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
      { ...headers, 'x-request-id': request.id },
      {
        keepAliveMs: context.limits.keepAliveMs,
        onSlow: () => ended.abort(new Gone('the client does not read')),
      },
    );
    for (const chunk of formatter.opening()) stream.data(frame(chunk));
    return stream;
  };
  const patience = setTimeout(open, context.limits.keepAliveMs);
  try {
    const answers = Array.from({ length: completion.prompts.length * completion.numChoices }, () => '');
    const sink = {
      delta(delta: Parameters<typeof formatter.chunk>[0]) {
        answers[delta.choice] += delta.text;
        open().data(frame(formatter.chunk(delta)));
      },
    };
    const result = await complete(context, options, sink, ended.signal, () => answers);
    if (includeUsage) open().data(frame(formatter.usageChunk(result.usage)));
    open().data('[DONE]');
    open().end();
    return result;
  } catch (error) {
    if (stream === null || error instanceof Gone) throw error;
    const failed = stream as EventStream;
    failed.data(JSON.stringify(errorBody(failureOf(error))));
    failed.end();
    request.log.error({ err: error }, 'stream failed');
    const usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };
    return { usage, ttftMs: null, queueMs: 0 };
  } finally {
    clearTimeout(patience);
  }
};

function record(
  context: Context,
  request: FastifyRequest,
  { operation, completion }: GenerationOptions,
  outcome: { status: number; startMs: number; result: CompletionResult | null },
): void {
  const { status, startMs, result } = outcome;
  const tookMs = context.clock.nowMs() - startMs;
  const usage = result?.usage ?? { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };
  const { promptTokens, completionTokens, cachedTokens } = usage;
  const timings = { queueMs: result?.queueMs ?? null, ttftMs: result?.ttftMs ?? null };
  const model = completion.model.id;
  context.metrics.record({ operation, model, status, tookMs, promptTokens, completionTokens, ...timings });
  request.log.info(
    {
      operation,
      model,
      version: completion.version,
      tenant: completion.tenant,
      status,
      tookMs: Math.round(tookMs),
      promptTokens,
      completionTokens,
      cachedTokens,
      ...timings,
    },
    'generation',
  );
}
