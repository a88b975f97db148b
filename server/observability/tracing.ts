/**
 * Traces as the rest of the server sees them. Where they are off there is no Tracing at all, and nothing is made, loaded
 * or sent. Spans of a request are made when it has ended, from times that were taken anyway.
 */
import type { SamplingParams } from '../batching/request.ts';
import type { Sender } from './otlp-resource.ts';
import type { SpanIds } from './traceparent.ts';

export interface RequestHead {
  readonly method: string;
  /** Template of the path; empty where no route matched. */
  readonly route: string;
  readonly path: string;
  readonly userAgent: string | undefined;
  /** Header of that name. */
  readonly traceparent: string | undefined;
}

export interface RequestEnd {
  /** Null: the client left before it had its answer. */
  readonly status: number | null;
}

/** What a model did for a request. Times are of the clock that Tracing was opened with. */
export interface Inference {
  readonly operation: 'chat' | 'text_completion' | 'embeddings' | 'score';
  /** The model as the request names it. */
  readonly requestModel: string;
  readonly responseModel: string;
  readonly version: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly inputTokens: number;
  /** Code of the failure; null where there was none. */
  readonly errorType: string | null;
  /** Null of what generates nothing. */
  readonly generation: Generation | null;
}

export interface Generation {
  readonly responseId: string;
  readonly isStream: boolean;
  readonly numChoices: number;
  readonly maxTokens: number;
  readonly sampling: SamplingParams;
  readonly stop: readonly string[];
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly finishReasons: readonly string[];
  /** Since the start; null of what was not reached. */
  readonly queueMs: number | null;
  readonly ttftMs: number | null;
  readonly lastTokenMs: number | null;
  /** Is asked for only where content is to be told. */
  readonly content: () => Content;
}

export interface Content {
  readonly input: readonly { readonly role: string; readonly content: string }[];
  /** Text of each choice. */
  readonly output: readonly string[];
}

/** A request that is traced. */
export interface RequestTrace {
  readonly ids: SpanIds;
  /** The answer's header of that name. */
  readonly traceresponse: string;
  inference(inference: Inference): void;
  /** Once, last. */
  end(end: RequestEnd): void;
}

/** Something that was done beside requests, once it is over. Times are in milliseconds since 1970. */
export interface Work {
  /** What was done, of few different ones: "swap adapter". */
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Work on one version is one trace. */
  readonly version: string | null;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly errorType: string | null;
}

export interface Tracing {
  /** A request's head was read. */
  request(head: RequestHead): RequestTrace;
  work(work: Work): void;
  /** Sends what is left, within a limit. Never throws. */
  close(): Promise<void>;
}

export interface TracingOptions extends Sender {
  /** Base URL of a collector that takes OTLP over HTTP. */
  readonly endpoint: string;
  /** Of requests that do not come with a decision of their own, in [0, 1]. Work is always traced. */
  readonly sampleRatio: number;
  /** Whether prompts and answers are told. */
  readonly hasContent: boolean;
  readonly nowMs: () => number;
  readonly warn: (message: string) => void;
}
