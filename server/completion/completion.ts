/**
 * The gateway's side of a completion: sequences go to the engine, text comes out. Knows tokens and text, no HTTP.
 * A request may have several prompts and several choices for each; all of them run at once.
 */
import { createDeferred, type Deferred } from '../../core/deferred.ts';
import { createStreamDecoder } from '../../core/tokenizer/stream-decoder.ts';
import type { StreamDecoder } from '../../core/tokenizer/tokenizer.ts';
import type { SamplingParams, SequenceEvent, TokenLogprob } from '../batching/request.ts';
import type { Phase } from '../observability/request-metrics.ts';
import type { ServedGenerator } from './served-model.ts';
import { StopMatcher } from './stop-matcher.ts';

export interface CompletionRequest {
  readonly id: string;
  readonly model: ServedGenerator;
  readonly prompts: readonly (readonly number[])[];
  readonly numChoices: number;
  readonly maxTokens: number;
  readonly sampling: SamplingParams;
  readonly stop: readonly string[];
  /** The end-of-text tokens, unless they are to be ignored, and those the request names. */
  readonly stopTokenIds: readonly number[];
  readonly priority: number;
  readonly tenant: string;
  /** Id of the adapter that all choices are made with; null is the base alone. */
  readonly adapter: string | null;
  /** The model as the request names it. */
  readonly name: string;
  /** Id of the version that answers, as the response names it. */
  readonly version: string;
  readonly ttftTargetMs: number;
  readonly tpotTargetMs: number;
}

/** A piece of one choice. Choice indices run over prompts, then choices. */
export interface Delta {
  readonly choice: number;
  readonly text: string;
  /** One per token that arrived with this piece; empty when not asked for. */
  readonly logprobs: readonly TokenLogprob[];
  readonly finish: 'stop' | 'length' | null;
}

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

export interface CompletionSink {
  /** Once per prompt, before its first delta. */
  prompt?(prompt: number, logprobs: readonly (TokenLogprob | null)[]): void;
  delta(delta: Delta): void;
  /** Between a choice's token and the one before it. */
  gap?(gapMs: number): void;
}

export interface CompletionResult {
  readonly usage: Usage;
  readonly ttftMs: number | null;
  readonly queueMs: number;
}

/** How far a request has come, also one that has failed. Times count from when it was handed to the engine. */
export interface Progress {
  /** What its sequence that has come furthest is at. */
  readonly phase: Phase;
  /** The longest wait for a slot; null while none was given. */
  readonly queueMs: number | null;
  /** Null while there is no token. */
  readonly ttftMs: number | null;
  readonly lastTokenMs: number | null;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  /** Of each choice; null of one that has not ended by itself. */
  readonly finishes: readonly Delta['finish'][];
}

export interface RunningCompletion {
  /** Rejects with EngineFailure if the engine fails, and with the reason of a cancel. */
  readonly result: Promise<CompletionResult>;
  progress(): Progress;
  /** Ends what has not ended yet; nothing of it goes on in the engine. */
  cancel(reason: Error): void;
}

/** Thrown when the engine gives a request up. */
export class EngineFailure extends Error {}

/** Begins the request. However it ends, nothing of it goes on in the engine. */
export function startCompletion(
  request: CompletionRequest,
  sink: CompletionSink,
  nowMs: () => number,
): RunningCompletion {
  const completion = new Completion(request, sink, nowMs);
  completion.start();
  return completion;
}

/** Runs the request to its end, see startCompletion; rejects with the signal's reason when that aborts. */
export async function runCompletion(
  request: CompletionRequest,
  sink: CompletionSink,
  signal: AbortSignal,
  nowMs: () => number,
): Promise<CompletionResult> {
  signal.throwIfAborted();
  const running = startCompletion(request, sink, nowMs);
  const onAbort = (): void => running.cancel(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  return running.result.finally(() => signal.removeEventListener('abort', onAbort));
}

class Completion implements RunningCompletion {
  readonly result: Promise<CompletionResult>;
  private readonly request: CompletionRequest;
  private readonly sink: CompletionSink;
  private readonly nowMs: () => number;
  private readonly settle: Deferred<CompletionResult>;
  private readonly choices: Choice[];
  private readonly startMs: number;
  private open: number;
  private settled = false;
  private ttftMs: number | null = null;
  private queueMs: number | null = null;
  private cachedTokens = 0;

  constructor(request: CompletionRequest, sink: CompletionSink, nowMs: () => number) {
    this.request = request;
    this.sink = sink;
    this.nowMs = nowMs;
    this.settle = createDeferred();
    this.result = this.settle.promise;
    this.startMs = nowMs();
    this.open = request.prompts.length * request.numChoices;
    this.choices = Array.from({ length: this.open }, (_, index) => new Choice(index, request));
  }

  start(): void {
    for (const choice of this.choices) {
      this.request.model.engine.submit(choice.spec(), (event) => this.onEvent(choice, event));
    }
  }

  progress(): Progress {
    const { queueMs, ttftMs, cachedTokens, choices } = this;
    const lastMs = choices.reduce((last, { tokenMs }) => Math.max(last, tokenMs ?? last), this.startMs);
    return {
      phase: ttftMs !== null ? 'decode' : queueMs !== null ? 'prefill' : 'queued',
      queueMs,
      ttftMs,
      lastTokenMs: ttftMs === null ? null : lastMs - this.startMs,
      completionTokens: this.numTokens(),
      cachedTokens,
      finishes: choices.map(({ finish }) => finish),
    };
  }

  cancel(reason: Error): void {
    this.fail(reason);
  }

  private onEvent(choice: Choice, event: SequenceEvent): void {
    if (this.settled || choice.isDone) return;
    if (event.kind === 'start') this.onStart(event.queueMs);
    else if (event.kind === 'prompt') this.onPrompt(choice, event);
    else if (event.kind === 'token') this.onToken(choice, event.token, event.logprob);
    else if (event.reason === 'stop' || event.reason === 'length') this.finish(choice, event.reason);
    else this.fail(new EngineFailure(event.message ?? `the sequence was ${event.reason}`));
  }

  private onStart(queueMs: number): void {
    this.queueMs = Math.max(this.queueMs ?? 0, queueMs);
  }

  private onPrompt(choice: Choice, event: Extract<SequenceEvent, { kind: 'prompt' }>): void {
    this.cachedTokens += event.cachedTokens;
    this.onStart(event.queueMs);
    const isFirst = choice.index % this.request.numChoices === 0;
    if (isFirst && event.promptLogprobs) this.sink.prompt?.(choice.prompt, event.promptLogprobs);
  }

  private onToken(choice: Choice, token: number, logprob: TokenLogprob | null): void {
    const tokenMs = this.nowMs();
    this.ttftMs ??= tokenMs - this.startMs;
    if (choice.tokenMs !== null) this.sink.gap?.(tokenMs - choice.tokenMs);
    choice.tokenMs = tokenMs;
    const { text, stopped } = choice.take(token);
    if (stopped) {
      this.emit(choice, text, logprob, 'stop');
      this.close(choice, 'stop');
      // Only then: the engine answers with an end, which must not be taken for a failure.
      this.request.model.engine.cancel(choice.id);
    } else if (text !== '' || logprob !== null) this.emit(choice, text, logprob, null);
  }

  private finish(choice: Choice, reason: 'stop' | 'length'): void {
    this.emit(choice, choice.flush(), null, reason);
    this.close(choice, reason);
  }

  private emit(choice: Choice, text: string, logprob: TokenLogprob | null, finish: Delta['finish']): void {
    this.sink.delta({ choice: choice.index, text, logprobs: logprob === null ? [] : [logprob], finish });
  }

  private close(choice: Choice, finish: 'stop' | 'length'): void {
    choice.finish = finish;
    this.open--;
    if (this.open > 0) return;
    this.settled = true;
    const promptTokens = this.request.prompts.reduce((sum, prompt) => sum + prompt.length, 0);
    const completionTokens = this.numTokens();
    const cachedTokens = Math.min(promptTokens, Math.round(this.cachedTokens / this.request.numChoices));
    const usage = { promptTokens, completionTokens, cachedTokens };
    this.settle.resolve({ usage, ttftMs: this.ttftMs, queueMs: this.queueMs ?? 0 });
  }

  private numTokens(): number {
    return this.choices.reduce((sum, { numTokens }) => sum + numTokens, 0);
  }

  private fail(reason: unknown): void {
    if (this.settled) return;
    this.settled = true;
    for (const choice of this.choices) if (!choice.isDone) this.request.model.engine.cancel(choice.id);
    this.settle.reject(reason);
  }
}

/** One token stream and its text. */
class Choice {
  readonly index: number;
  readonly prompt: number;
  readonly id: string;
  numTokens = 0;
  /** When its latest token came. */
  tokenMs: number | null = null;
  finish: Delta['finish'] = null;
  private readonly request: CompletionRequest;
  private readonly decoder: StreamDecoder;
  private readonly matcher: StopMatcher;

  constructor(index: number, request: CompletionRequest) {
    this.index = index;
    this.prompt = Math.floor(index / request.numChoices);
    this.id = `${request.id}#${index}`;
    this.request = request;
    this.decoder = createStreamDecoder(request.model.tokenizer);
    this.matcher = new StopMatcher(request.stop);
  }

  get isDone(): boolean {
    return this.finish !== null;
  }

  spec() {
    const { request } = this;
    const seed = (request.sampling.seed + this.index) >>> 0;
    return {
      id: this.id,
      promptTokens: request.prompts[this.prompt]!,
      maxTokens: request.maxTokens,
      sampling: { ...request.sampling, seed },
      stopTokenIds: request.stopTokenIds,
      priority: request.priority,
      tenant: request.tenant,
      adapter: request.adapter,
      cacheScope: `${request.model.version}/${request.adapter ?? 'base'}/${request.tenant}`,
      ttftTargetMs: request.ttftTargetMs,
      tpotTargetMs: request.tpotTargetMs,
    };
  }

  take(token: number): { text: string; stopped: boolean } {
    this.numTokens++;
    if (this.request.stopTokenIds.includes(token)) return { text: '', stopped: false };
    return this.matcher.push(this.decoder.push(token));
  }

  /** The rest of the text; what completes a character may still complete a stop string. */
  flush(): string {
    const { text, stopped } = this.matcher.push(this.decoder.flush());
    return stopped ? text : text + this.matcher.flush();
  }
}
