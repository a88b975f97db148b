/** Answers are handed to the keeper, so that feedback can refer to them: those that may be kept, and no others. */
import type { Context as Said } from '../../core/feedback/record.ts';
import type { Route } from '../rollout/rollout.ts';
import type { Account } from './auth.ts';
import type { Context } from './context.ts';

export interface Keepable {
  /** As the response names it. */
  readonly id: string;
  readonly model: string;
  readonly route: Route;
  readonly version: string;
  readonly said: Said;
  /** What the route was chosen by. */
  readonly stickyKey: string;
}

/** What to do with an answer's texts; null when they are not to be kept. */
export function keepOf(
  { learning }: Context,
  account: Account,
  options: { readonly store: boolean | null | undefined; readonly answer: Keepable | null },
): ((answers: readonly string[]) => void) | null {
  const { store, answer } = options;
  if (learning === null || store === false || answer === null) return null;
  const { id, model, route, version, said, stickyKey } = answer;
  const { tenant, name } = account;
  return (answers) =>
    learning.keeper.keep({
      id,
      createdMs: Date.now(),
      tenant,
      account: name,
      model,
      version,
      arm: route.arm,
      conversation: stickyKey,
      context: said,
      answers,
    });
}
