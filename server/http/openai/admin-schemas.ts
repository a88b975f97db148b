/** Bodies of the operator's API. */
import { type Static, Type } from '@sinclair/typebox';

const name = Type.String({ minLength: 1, maxLength: 256 });
const closed = { additionalProperties: false };
const whose = { model: Type.Optional(name), tenant: name };
const versionOrNone = Type.Union([name, Type.Null()]);

export const PromoteBody = Type.Object({ ...whose, pin: Type.Optional(Type.Boolean()) }, closed);
export const TenantBody = Type.Object(whose, closed);
export const BaseBody = Type.Object({ model: Type.Optional(name), version: name }, closed);
export const CanaryBody = Type.Object(
  {
    ...whose,
    version: versionOrNone,
    percent: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 50 })),
  },
  closed,
);
export const ShadowBody = Type.Object({ ...whose, version: versionOrNone }, closed);
export const UndoBody = Type.Object(
  { ...whose, row: Type.Optional(name), account: Type.Optional(name) },
  closed,
);
export const DiffBody = Type.Object(
  {
    ...whose,
    a: name,
    b: name,
    prompts: Type.Array(Type.String({ minLength: 1, maxLength: 32_768 }), { minItems: 1, maxItems: 32 }),
    max_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_024 })),
  },
  closed,
);

export const VersionsQuery = Type.Object({ model: Type.Optional(name), tenant: Type.Optional(name) }, closed);
export const BasesQuery = Type.Object({ model: Type.Optional(name) }, closed);

export type PromoteBody = Static<typeof PromoteBody>;
export type TenantBody = Static<typeof TenantBody>;
export type BaseBody = Static<typeof BaseBody>;
export type CanaryBody = Static<typeof CanaryBody>;
export type ShadowBody = Static<typeof ShadowBody>;
export type UndoBody = Static<typeof UndoBody>;
export type DiffBody = Static<typeof DiffBody>;
export type VersionsQuery = Static<typeof VersionsQuery>;
export type BasesQuery = Static<typeof BasesQuery>;
