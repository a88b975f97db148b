/**
 * The kinds of setting. Each one knows how to read a raw value (YAML scalar, environment text or flag text)
 * and how to describe itself, so that help, schema and documents come from one declaration.
 */

export type Parsed<T> = { readonly value: T } | { readonly problem: string };
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Setting<T> {
  /** For people: "integer", "text". */
  readonly type: string;
  readonly unit: string | null;
  readonly default: T;
  /** For people: "1 to 65535"; null when anything goes. */
  readonly limits: string | null;
  readonly description: string;
  readonly secret: boolean;
  readonly schema: JsonSchema;
  /** Reads a raw value; the problem says what was expected and what came. */
  parse(raw: unknown): Parsed<T>;
}

/** A raw value as it is shown in a problem, cut short. */
export function shown(raw: unknown): string {
  const text = JSON.stringify(raw) ?? String(raw);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

const byteUnits: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

function readNumber(raw: unknown, unit: string | null): number {
  if (typeof raw === 'number') return raw;
  if (typeof raw !== 'string') return Number.NaN;
  const match = /^(-?\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)?$/.exec(raw.trim());
  if (match === null || (match[2] !== undefined && unit !== 'bytes')) return Number.NaN;
  return Number(match[1]) * (match[2] === undefined ? 1 : byteUnits[match[2]]!);
}

interface IntegerOptions {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly description: string;
  /** With "bytes", text may end in KiB, MiB or GiB. */
  readonly unit?: string;
}

/** A whole number from `min` to `max`. */
export function integer(options: IntegerOptions): Setting<number> {
  const { min, max, description } = options;
  const unit = options.unit ?? null;
  const limits = `${min} to ${max}`;
  return {
    type: 'integer',
    unit,
    default: options.default,
    limits,
    description,
    secret: false,
    schema: { type: 'integer', minimum: min, maximum: max },
    parse(raw) {
      const value = readNumber(raw, unit);
      if (Number.isInteger(value) && value >= min && value <= max) return { value };
      return { problem: `expected an integer from ${limits}, got ${shown(raw)}` };
    },
  };
}

/** Text of 1 to 1,024 characters; with `optional` the empty text is allowed and means "not set". */
export function text(options: {
  readonly default: string;
  readonly description: string;
  readonly secret?: true;
  readonly optional?: true;
}): Setting<string> {
  const minLength = options.optional ? 0 : 1;
  return {
    type: 'text',
    unit: null,
    default: options.default,
    limits: null,
    description: options.description,
    secret: options.secret ?? false,
    schema: { type: 'string', minLength, maxLength: 1024 },
    parse(raw) {
      if (typeof raw === 'string' && raw.length >= minLength && raw.length <= 1024) return { value: raw };
      const got = options.secret ? 'something else' : shown(raw);
      return { problem: `expected text of ${minLength} to 1024 characters, got ${got}` };
    },
  };
}

/** A name of 1 to 64 letters, digits, ".", "_" and "-"; with `optional` the empty text is allowed and means "not set". */
export function word(options: {
  readonly default: string;
  readonly description: string;
  readonly optional?: true;
}): Setting<string> {
  const pattern = options.optional ? '^[\\w.-]{0,64}$' : '^[\\w.-]{1,64}$';
  const limits = 'up to 64 letters, digits, ".", "_", "-"';
  return {
    ...text(options),
    limits,
    schema: { type: 'string', pattern },
    parse(raw) {
      if (typeof raw === 'string' && new RegExp(pattern).test(raw)) return { value: raw };
      return { problem: `expected ${limits}, got ${shown(raw)}` };
    },
  };
}

/** A URL of redis or rediss, with the password in it: it is not shown. The empty text means "not set". */
export function redisUrl(options: { readonly description: string }): Setting<string> {
  const any = text({ ...options, default: '', secret: true, optional: true });
  return {
    ...any,
    type: 'URL',
    parse(raw) {
      const parsed = any.parse(raw);
      if ('problem' in parsed || parsed.value === '' || isRedis(parsed.value)) return parsed;
      return { problem: 'expected a URL like redis://user:password@host:6379/0, got something else' };
    },
  };
}

const isRedis = (value: string): boolean =>
  /^rediss?:\/\/[^/?#]+(\/\d{0,5})?$/.test(value) && URL.canParse(value);

/** A URL of http or https; with `optional` the empty text is allowed and means "not set". */
export function url(options: {
  readonly default: string;
  readonly description: string;
  readonly optional?: true;
}): Setting<string> {
  const any = text(options);
  return {
    ...any,
    type: 'URL',
    parse(raw) {
      const parsed = any.parse(raw);
      if ('problem' in parsed || parsed.value === '' || isHttp(parsed.value)) return parsed;
      return { problem: `expected a URL like http://127.0.0.1:4318, got ${shown(raw)}` };
    },
  };
}

const isHttp = (value: string): boolean =>
  URL.canParse(value) && ['http:', 'https:'].includes(new URL(value).protocol);

export function choice<const T extends string>(options: {
  readonly default: T;
  readonly values: readonly T[];
  readonly description: string;
}): Setting<T> {
  const limits = options.values.join(', ');
  return {
    type: 'choice',
    unit: null,
    default: options.default,
    limits,
    description: options.description,
    secret: false,
    schema: { type: 'string', enum: options.values },
    parse(raw) {
      const value = options.values.find((candidate) => candidate === raw);
      return value === undefined ? { problem: `expected one of ${limits}, got ${shown(raw)}` } : { value };
    },
  };
}
