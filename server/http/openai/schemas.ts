/** Request bodies as OpenAI's specification has them; fields of ours are marked. */
import { type Static, Type } from '@sinclair/typebox';
import { fieldLimits as limits } from '../limits.ts';

const nullable = <T extends ReturnType<typeof Type.Number>>(schema: T) => Type.Union([schema, Type.Null()]);
const integer = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });
const tokenId = integer(0, 2 ** 31 - 1);

const sampling = {
  model: Type.String({ minLength: 1, maxLength: 256 }),
  temperature: Type.Optional(Type.Union([Type.Number({ minimum: 0, maximum: 2 }), Type.Null()])),
  top_p: Type.Optional(Type.Union([Type.Number({ exclusiveMinimum: 0, maximum: 1 }), Type.Null()])),
  top_k: Type.Optional(integer(0, 100_000)),
  min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  repetition_penalty: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 10 })),
  frequency_penalty: Type.Optional(nullable(Type.Number({ minimum: -2, maximum: 2 }))),
  presence_penalty: Type.Optional(nullable(Type.Number({ minimum: -2, maximum: 2 }))),
  logit_bias: Type.Optional(
    Type.Union([
      Type.Record(Type.String({ pattern: '^[0-9]{1,9}$' }), Type.Number({ minimum: -100, maximum: 100 }), {
        maxProperties: limits.logitBias,
        additionalProperties: false,
      }),
      Type.Null(),
    ]),
  ),
  seed: Type.Optional(Type.Union([integer(-(2 ** 53) + 1, 2 ** 53 - 1), Type.Null()])),
  n: Type.Optional(Type.Union([integer(1, limits.choices), Type.Null()])),
  stop: Type.Optional(
    Type.Union([
      Type.String({ minLength: 1, maxLength: limits.stopCharacters }),
      Type.Array(Type.String({ minLength: 1, maxLength: limits.stopCharacters }), { maxItems: limits.stops }),
      Type.Null(),
    ]),
  ),
  stop_token_ids: Type.Optional(Type.Array(tokenId, { maxItems: limits.stopTokenIds })),
  ignore_eos: Type.Optional(Type.Boolean()),
  stream: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  stream_options: Type.Optional(
    Type.Union([
      Type.Object({
        include_usage: Type.Optional(Type.Boolean()),
        include_obfuscation: Type.Optional(Type.Boolean()),
      }),
      Type.Null(),
    ]),
  ),
  priority: Type.Optional(integer(-100, 100)),
  user: Type.Optional(Type.String({ maxLength: 256 })),
  store: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  millrace: Type.Optional(
    Type.Object(
      {
        memory: Type.Optional(Type.Boolean()),
        version: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
      },
      { additionalProperties: false },
    ),
  ),
};

const text = Type.String();
const textPart = Type.Object({ type: Type.Literal('text'), text });
const textParts = Type.Array(textPart, { minItems: 1, maxItems: 256 });
const chatRoles = ['system', 'developer', 'user', 'assistant'].map((role) => Type.Literal(role));

export const ChatBody = Type.Object({
  ...sampling,
  messages: Type.Array(
    Type.Object({
      role: Type.Union(chatRoles),
      content: Type.Union([text, textParts]),
    }),
    { minItems: 1, maxItems: limits.messages },
  ),
  max_tokens: Type.Optional(Type.Union([integer(1, 2 ** 31 - 1), Type.Null()])),
  max_completion_tokens: Type.Optional(Type.Union([integer(1, 2 ** 31 - 1), Type.Null()])),
  logprobs: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  top_logprobs: Type.Optional(Type.Union([integer(0, limits.topLogprobs), Type.Null()])),
});

const tokens = Type.Array(tokenId, { minItems: 1, maxItems: 2 ** 20 });

export const CompletionBody = Type.Object({
  ...sampling,
  prompt: Type.Union([
    Type.String({ minLength: 1 }),
    tokens,
    Type.Array(Type.Union([Type.String({ minLength: 1 }), tokens]), {
      minItems: 1,
      maxItems: limits.prompts,
    }),
  ]),
  max_tokens: Type.Optional(Type.Union([integer(0, 2 ** 31 - 1), Type.Null()])),
  echo: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  logprobs: Type.Optional(Type.Union([integer(0, 5), Type.Null()])),
  best_of: Type.Optional(Type.Union([integer(1, limits.choices), Type.Null()])),
});

export const EmbeddingBody = Type.Object({
  model: sampling.model,
  input: Type.Union([
    Type.String({ minLength: 1 }),
    tokens,
    Type.Array(Type.Union([Type.String({ minLength: 1 }), tokens]), {
      minItems: 1,
      maxItems: limits.embeddingInputs,
    }),
  ]),
  encoding_format: Type.Optional(Type.Union([Type.Literal('float'), Type.Literal('base64')])),
  dimensions: Type.Optional(integer(1, 2 ** 20)),
  user: sampling.user,
});

const scored = Type.Union([Type.String({ minLength: 1 }), tokens]);

export const ScoreBody = Type.Object({
  model: sampling.model,
  input: Type.Array(Type.Object({ prompt: scored, completion: scored }), {
    minItems: 1,
    maxItems: limits.scoringInputs,
  }),
  user: sampling.user,
});

const content = Type.String({ minLength: 1, maxLength: limits.feedbackCharacters });

export const FeedbackBody = Type.Object({
  kind: Type.Union(
    ['correction', 'rating', 'preference', 'comment', 'demonstration'].map((kind) => Type.Literal(kind)),
  ),
  response_id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  choice: Type.Optional(integer(0, 1_000)),
  text: Type.Optional(content),
  value: Type.Optional(integer(-1, 100)),
  scale: Type.Optional(integer(2, 100)),
  chosen: Type.Optional(content),
  rejected: Type.Optional(content),
  messages: Type.Optional(
    Type.Array(Type.Object({ role: Type.Union(chatRoles), content: Type.Union([text, textParts]) }), {
      minItems: 2,
      maxItems: limits.messages,
    }),
  ),
  model: Type.Optional(sampling.model),
});

const remembered = Type.String({ minLength: 1, maxLength: limits.memoryCharacters });

export const MemoryBody = Type.Object({
  model: Type.Optional(sampling.model),
  question: remembered,
  answer: remembered,
});

export const MemoryChange = Type.Object(
  { question: Type.Optional(remembered), answer: Type.Optional(remembered) },
  { minProperties: 1, additionalProperties: false },
);

export const TokenizeBody = Type.Object({
  model: Type.Optional(sampling.model),
  content: Type.String(),
  add_special: Type.Optional(Type.Boolean()),
});

export const DetokenizeBody = Type.Object({
  model: Type.Optional(sampling.model),
  tokens: Type.Array(tokenId, { maxItems: 2 ** 20 }),
});

export type ChatBody = Static<typeof ChatBody>;
export type CompletionBody = Static<typeof CompletionBody>;
export type EmbeddingBody = Static<typeof EmbeddingBody>;
export type ScoreBody = Static<typeof ScoreBody>;
export type MemoryBody = Static<typeof MemoryBody>;
export type MemoryChange = Static<typeof MemoryChange>;
export type FeedbackBody = Static<typeof FeedbackBody>;
export type TokenizeBody = Static<typeof TokenizeBody>;
export type DetokenizeBody = Static<typeof DetokenizeBody>;
