/** Which replica a line of a log comes from. One without an origin was written where it lies. */

export const originOf = (record: object): unknown => (record as { readonly origin?: unknown }).origin;

/** Of a line in a log of this replica. */
export const isOwn = (record: object, self: string): boolean => (originOf(record) ?? self) === self;

/** As it goes to others. */
export const stamped = (record: object, self: string): string =>
  JSON.stringify({ ...record, origin: originOf(record) ?? self });
