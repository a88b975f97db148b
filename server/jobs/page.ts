/** Parts of a list, as OpenAI cuts them: so many of what follows a given one. */
import { MillraceError } from '../../core/errors.ts';

export interface PageAsk {
  /** Id of the last one that the client has. */
  readonly after: string | null;
  readonly limit: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly hasMore: boolean;
}

/** Throws invalid_argument for an `after` that is not in the list. */
export function pageOf<T extends { readonly id: string }>(
  items: readonly T[],
  { after, limit }: PageAsk,
): Page<T> {
  const start = after === null ? 0 : items.findIndex(({ id }) => id === after) + 1;
  if (after !== null && start === 0) {
    const message = `"after" is the id of the last item of the page before; there is none ${after.slice(0, 64)}.`;
    throw new MillraceError('invalid_argument', { message }, { param: 'after' });
  }
  return { items: items.slice(start, start + limit), hasMore: start + limit < items.length };
}
