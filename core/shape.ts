/**
 * Whether JSON has the shape that a type promises: what comes from a disk or a stranger is looked at once, where it is
 * read, and used without a doubt afterwards. What is not asked for is not looked at.
 */
export type Shape = (value: unknown) => boolean;

export const isText: Shape = (value) => typeof value === 'string';
export const isFlag: Shape = (value) => typeof value === 'boolean';
export const isNumber: Shape = (value) => Number.isFinite(value);
/** Not negative. */
export const isCount: Shape = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
/** ISO 8601, or whatever else JavaScript reads as a time. */
export const isTime: Shape = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));

export const oneOf =
  (...values: readonly unknown[]): Shape =>
  (value) =>
    values.includes(value);

export const anyOf =
  (...shapes: readonly Shape[]): Shape =>
  (value) =>
    shapes.some((shape) => shape(value));

export const orNull = (shape: Shape): Shape => anyOf((value) => value === null, shape);
/** May be missing, too. */
export const maybe = (shape: Shape): Shape => anyOf((value) => value === undefined || value === null, shape);

export const listOf =
  (shape: Shape, most = Number.POSITIVE_INFINITY): Shape =>
  (value) =>
    Array.isArray(value) && value.length <= most && value.every(shape);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whatever names, all values alike. */
export const recordOf =
  (shape: Shape): Shape =>
  (value) =>
    isObject(value) && Object.values(value).every(shape);

/** Own fields alone count. */
export const fieldsOf =
  (fields: Readonly<Record<string, Shape>>): Shape =>
  (value) =>
    isObject(value) &&
    Object.entries(fields).every(([name, shape]) =>
      shape(Object.hasOwn(value, name) ? value[name] : undefined),
    );

/** Names of the fields that are not as they should be. */
export const misshapen = (value: unknown, fields: Readonly<Record<string, Shape>>): string[] =>
  Object.keys(fields).filter((name) => !fieldsOf({ [name]: fields[name]! })(value));
