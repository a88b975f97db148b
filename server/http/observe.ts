/** What becomes of requests is told to the trials of the versions that answer them, and offered to shadows. */
import { answerAgain } from '../completion/again.ts';
import type { CompletionRequest } from '../completion/completion.ts';
import type { Learning } from '../learning/learning.ts';
import type { Route } from '../rollout/rollout.ts';
import type { Context } from './context.ts';
import type { OnOutcome, Outcome } from './outcome.ts';

export interface Observable {
  readonly completion: CompletionRequest;
  readonly route: Route;
  /** What the arm was chosen by. */
  readonly stickyKey: string;
}

type Answered = Extract<Outcome, { kind: 'answer' }>;

/** Null for a request that no alias was asked for. */
export function observerOf(context: Context, { completion, route, stickyKey }: Observable): OnOutcome | null {
  const { learning } = context;
  const { adapter, arm } = route;
  if (learning === null || arm === null) return null;
  const source = { model: completion.model.id, tenant: completion.tenant, adapter, arm };
  const asked = { conversation: stickyKey, atMs: Date.now(), ...source };
  return (outcome) => {
    const { trials } = learning;
    if (outcome.kind === 'failure') trials.observe({ happened: outcome, ...asked });
    else {
      const { ttftMs, tpotMs, load } = outcome;
      trials.observe({ happened: { kind: 'answer', ttftMs, tpotMs, load }, ...asked });
    }
  };
}

/** The same, and shadows answer what stable has answered. */
export function chatObserverOf(context: Context, observable: Observable): OnOutcome | null {
  const onOutcome = observerOf(context, observable);
  const { learning } = context;
  const { completion, route } = observable;
  if (onOutcome === null || learning === null || route.arm !== 'stable') return onOutcome;
  return (outcome) => {
    onOutcome(outcome);
    if (outcome.kind === 'answer' && learning.shadows.has(completion.model.id, completion.tenant))
      // Behind the answer, which is about to be sent.
      setImmediate(() => offer(context, learning, completion, outcome));
  };
}

function offer(
  { clock }: Context,
  { shadows }: Learning,
  completion: CompletionRequest,
  { answers, durationMs }: Answered,
): void {
  const { model, tenant } = completion;
  shadows.offer({
    model: model.id,
    tenant,
    base: model.version,
    engine: model.engine,
    answer: { text: answers[0]!, durationMs },
    again: (adapter, signal) => answerAgain(completion, { adapter, signal, nowMs: () => clock.nowMs() }),
  });
}
