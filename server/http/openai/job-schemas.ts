/** Bodies and queries of files and fine-tuning as OpenAI's specification has them. What is not listed is refused. */
import { type Static, type TSchema, Type } from '@sinclair/typebox';

const strict = { additionalProperties: false } as const;
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const orAuto = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Literal('auto')]);
const optional = <T extends TSchema>(schema: T) => Type.Optional(orNull(orAuto(schema)));
const fileId = Type.String({ minLength: 1, maxLength: 64 });

const supervised = {
  n_epochs: optional(Type.Integer({ minimum: 1, maximum: 50 })),
  batch_size: optional(Type.Integer({ minimum: 1, maximum: 256 })),
  learning_rate_multiplier: optional(Type.Number({ exclusiveMinimum: 0, maximum: 100 })),
};
const dpo = { ...supervised, beta: optional(Type.Number({ exclusiveMinimum: 0, maximum: 2 })) };

const methodOf = <T extends Record<string, TSchema>>(fields: T) =>
  Type.Object({ hyperparameters: Type.Optional(Type.Object(fields, strict)) }, strict);

export const JobBody = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 256 }),
    training_file: fileId,
    validation_file: Type.Optional(orNull(fileId)),
    suffix: Type.Optional(orNull(Type.String({ maxLength: 64 }))),
    seed: Type.Optional(orNull(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }))),
    method: Type.Optional(
      Type.Object(
        {
          type: Type.Union([Type.Literal('supervised'), Type.Literal('dpo')]),
          supervised: Type.Optional(methodOf(supervised)),
          dpo: Type.Optional(methodOf(dpo)),
        },
        strict,
      ),
    ),
    hyperparameters: Type.Optional(Type.Object(supervised, strict)),
    integrations: Type.Optional(orNull(Type.Array(Type.Unknown(), { maxItems: 0 }))),
    metadata: Type.Optional(
      orNull(
        Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Type.String({ maxLength: 512 }), {
          maxProperties: 16,
        }),
      ),
    ),
  },
  strict,
);

/** Numbers of a query arrive as texts. */
const limit = Type.Optional(Type.String({ pattern: '^[0-9]{1,5}$' }));
const after = Type.Optional(Type.String({ minLength: 1, maxLength: 64 }));

export const PageQuery = Type.Object({ limit, after }, strict);

export const FileQuery = Type.Object(
  {
    limit,
    after,
    order: Type.Optional(Type.Union([Type.Literal('asc'), Type.Literal('desc')])),
    purpose: Type.Optional(Type.String({ maxLength: 64 })),
  },
  strict,
);

export type JobBody = Static<typeof JobBody>;
export type PageQuery = Static<typeof PageQuery>;
export type FileQuery = Static<typeof FileQuery>;
