/**
 * What each route answers, for /openapi.json alone: nothing is checked against it or left out for it while serving. Tests
 * hold the server's real answers against it.
 */
import { type TSchema, Type } from '@sinclair/typebox';

const orNull = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const count = Type.Integer({ minimum: 0 });
const text = Type.String();
const id = Type.String();
const seconds = Type.Integer();
const time = Type.String({ format: 'date-time' });

const usage = Type.Object({
  prompt_tokens: count,
  completion_tokens: Type.Optional(count),
  total_tokens: count,
  prompt_tokens_details: Type.Optional(Type.Object({ cached_tokens: count })),
});
const ending = orNull(Type.Union([Type.Literal('stop'), Type.Literal('length')]));
const tokenLogprob = { token: text, logprob: Type.Number(), bytes: Type.Array(count) };
const made = { id, created: seconds, model: text, system_fingerprint: text, usage };

const chatCompletion = Type.Object({
  ...made,
  object: Type.Literal('chat.completion'),
  choices: Type.Array(
    Type.Object({
      index: count,
      message: Type.Object({ role: Type.Literal('assistant'), content: text, refusal: Type.Null() }),
      logprobs: orNull(
        Type.Object({
          content: Type.Array(
            Type.Object({ ...tokenLogprob, top_logprobs: Type.Array(Type.Object(tokenLogprob)) }),
          ),
          refusal: Type.Null(),
        }),
      ),
      finish_reason: ending,
    }),
  ),
});

const completion = Type.Object({
  ...made,
  object: Type.Literal('text_completion'),
  choices: Type.Array(
    Type.Object({
      index: count,
      text,
      logprobs: orNull(
        Type.Object({
          tokens: Type.Array(text),
          token_logprobs: Type.Array(orNull(Type.Number())),
          top_logprobs: Type.Array(orNull(Type.Record(text, Type.Number()))),
          text_offset: Type.Array(count),
        }),
      ),
      finish_reason: ending,
    }),
  ),
});

const model = Type.Object({
  id,
  object: Type.Literal('model'),
  created: seconds,
  owned_by: text,
  version: text,
  max_context: count,
  kind: Type.Union([Type.Literal('generator'), Type.Literal('encoder')]),
});

const feedback = Type.Object({
  id,
  object: Type.Literal('feedback'),
  kind: text,
  received_at: time,
  about: Type.Object({
    model: text,
    version: orNull(text),
    arm: orNull(text),
    response_id: orNull(text),
    account: text,
  }),
  redactions: Type.Record(text, count),
  state: Type.Union(['stored', 'queued', 'dropped', 'trained'].map((state) => Type.Literal(state))),
  reason: orNull(text),
  decided_at: orNull(time),
  memory: orNull(Type.Object({ id, expires_at: time })),
  version: orNull(text),
  served_since: orNull(time),
});

const memory = Type.Object({
  id,
  object: Type.Literal('memory'),
  model: text,
  question: text,
  answer: text,
  feedback_id: orNull(text),
  created_at: time,
  expires_at: time,
});

const file = Type.Object({
  id,
  object: Type.Literal('file'),
  bytes: count,
  created_at: seconds,
  filename: text,
  purpose: Type.Literal('fine-tune'),
  status: Type.Literal('processed'),
  num_rows: count,
  redactions: Type.Record(text, count),
});

const statuses = ['queued', 'validating_files', 'running', 'succeeded', 'failed', 'cancelled'];
const job = Type.Object({
  id,
  object: Type.Literal('fine_tuning.job'),
  created_at: seconds,
  model: text,
  organization_id: text,
  status: Type.Union(statuses.map((status) => Type.Literal(status))),
  training_file: text,
  validation_file: orNull(text),
  seed: Type.Integer(),
  user_provided_suffix: orNull(text),
  hyperparameters: Type.Record(text, Type.Union([Type.Number(), Type.Literal('auto')])),
  fine_tuned_model: orNull(text),
  finished_at: orNull(seconds),
  trained_tokens: orNull(count),
  error: orNull(Type.Object({ code: text, message: text, param: orNull(text) })),
});

const event = Type.Object({
  id,
  object: Type.Literal('fine_tuning.job.event'),
  created_at: seconds,
  level: text,
  message: text,
});
const checkpoint = Type.Object({
  id,
  object: Type.Literal('fine_tuning.job.checkpoint'),
  created_at: seconds,
  fine_tuned_model_checkpoint: text,
  fine_tuning_job_id: text,
  step_number: count,
});

const deleted = (object: string) =>
  Type.Object({ id, object: Type.Literal(object), deleted: Type.Literal(true) });
const listOf = (item: TSchema) => Type.Object({ object: Type.Literal('list'), data: Type.Array(item) });
const pageOf = (item: TSchema) =>
  Type.Object({
    object: Type.Literal('list'),
    data: Type.Array(item),
    first_id: orNull(text),
    last_id: orNull(text),
    has_more: Type.Boolean(),
  });

const failure = Type.Object({
  error: Type.Object({ message: text, type: text, param: orNull(text), code: orNull(text) }),
});

interface Answer {
  readonly status?: number;
  readonly description: string;
  /** By content type. */
  readonly content: Readonly<Record<string, TSchema>>;
}

const json = (description: string, schema: TSchema, status = 200): Answer => ({
  status,
  description,
  content: { 'application/json': schema },
});

/** Either, as it was asked for. */
const orStream = (description: string, schema: TSchema): Answer => ({
  description,
  content: { 'application/json': schema, 'text/event-stream': text },
});

const health = json('As it is', Type.Object({ status: text }));

const answers: Readonly<Record<string, Answer>> = {
  'POST /v1/chat/completions': orStream('The answer', chatCompletion),
  'POST /v1/completions': orStream('The continuation', completion),
  'POST /v1/embeddings': json(
    'The vectors',
    Type.Object({
      object: Type.Literal('list'),
      data: Type.Array(
        Type.Object({
          object: Type.Literal('embedding'),
          index: count,
          embedding: Type.Union([Type.Array(Type.Number()), text]),
        }),
      ),
      model: text,
      usage,
    }),
  ),
  'POST /v1/score': json(
    'The log-likelihoods',
    Type.Object({
      object: Type.Literal('list'),
      data: Type.Array(
        Type.Object({
          object: Type.Literal('score'),
          index: count,
          logprob: Type.Number(),
          num_tokens: count,
          is_greedy: Type.Boolean(),
          token_logprobs: Type.Array(Type.Number()),
        }),
      ),
      model: text,
      system_fingerprint: text,
      usage,
    }),
  ),
  'POST /v1/feedback': json(
    'It is on the disk',
    Type.Object({ id, object: Type.Literal('feedback'), durable: Type.Literal(true) }),
    202,
  ),
  'GET /v1/feedback/:id': json('What became of it', feedback),
  'GET /v1/memory': json(
    'What is remembered',
    Type.Object({ object: Type.Literal('list'), data: Type.Array(memory), has_more: Type.Boolean() }),
  ),
  'POST /v1/memory': json('It is remembered', memory, 201),
  'GET /v1/memory/:id': json('As it is remembered', memory),
  'POST /v1/memory/:id': json('As it is remembered now', memory),
  'DELETE /v1/memory/:id': json('It is forgotten', deleted('memory.deleted')),
  'GET /v1/files': json('Files, the newest first', pageOf(file)),
  'POST /v1/files': json('The file', file),
  'GET /v1/files/:id': json('The file', file),
  'GET /v1/files/:id/content': { description: 'What it holds', content: { 'application/jsonl': text } },
  'DELETE /v1/files/:id': json('It is deleted', deleted('file')),
  'GET /v1/fine_tuning/jobs': json('Jobs, the newest first', pageOf(job)),
  'POST /v1/fine_tuning/jobs': json('The job', job),
  'GET /v1/fine_tuning/jobs/:id': json('The job', job),
  'POST /v1/fine_tuning/jobs/:id/cancel': json('The job', job),
  'GET /v1/fine_tuning/jobs/:id/events': json('Events, the newest first', pageOf(event)),
  'GET /v1/fine_tuning/jobs/:id/checkpoints': json('Models that it has made', pageOf(checkpoint)),
  'GET /v1/models': json('Models', listOf(model)),
  'GET /v1/models/:id': json('The model', model),
  'POST /tokenize': json('The ids', Type.Object({ tokens: Type.Array(count) })),
  'POST /detokenize': json('The text', Type.Object({ content: text })),
  'GET /metrics': { description: "In Prometheus' text format", content: { 'text/plain': text } },
  'GET /openapi.json': json('This document', Type.Object({ openapi: text })),
  'GET /health/live': health,
  'GET /health/ready': health,
  'GET /health/startup': health,
};

const upload = Type.Object({
  purpose: Type.Literal('fine-tune'),
  file: Type.String({ format: 'binary', description: 'JSON Lines in one of the formats for fine-tuning' }),
});

/** Of a route as fastify knows it; the schema that its requests are checked against is left as it is. */
export interface Documented {
  readonly url: string;
  readonly schema: object | undefined;
  readonly method: string | readonly string[];
  readonly scope: string | undefined;
  readonly asksForKeys: boolean;
}

export function documented(about: Documented): object {
  const { url, schema = {}, method, scope = 'inference', asksForKeys } = about;
  const route = `${[method].flat()[0]} ${url}`;
  const answer = answers[route];
  if (answer === undefined) throw new Error(`${route} has no row in ${import.meta.url}`);
  const isPublic = scope === 'public';
  return {
    ...schema,
    ...(route === 'POST /v1/files' ? { consumes: ['multipart/form-data'], body: upload } : {}),
    ...(isPublic || !asksForKeys ? {} : { security: [{ key: [] }] }),
    response: {
      [answer.status ?? 200]: described(answer),
      ...(isPublic ? { 503: described(health) } : { '4xx': refusal, '5xx': refusal }),
    },
  };
}

const described = ({ description, content }: Answer) => ({
  description,
  content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }])),
});

const refusal = described(json("Refused or failed: OpenAI's error object", failure));

export const securitySchemes = {
  key: { type: 'http', scheme: 'bearer', description: 'An API key, where keys are asked for' },
} as const;
