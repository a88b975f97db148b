/** A keeper whose feedback may be about responses of other replicas. */
import { MillraceError } from '../../core/errors.ts';
import type { FeedbackRequest } from '../feedback/feedback-request.ts';
import type { Keeper } from '../feedback/keeper.ts';
import type { KeeperCall } from '../feedback/keeper-messages.ts';
import type { SharedResponses } from './shared-responses.ts';

const retryAfterMs = 1_000;
/** Calls that append to the log. */
const appending: ReadonlySet<KeeperCall> = new Set(['feedback', 'undo', 'amend']);

/**
 * `onAppended` hears that there is something to be sent to others. What `onKept` of the keeper hears has to be put among the
 * responses by whoever opens it.
 */
export function sharedKeeper(keeper: Keeper, responses: SharedResponses, onAppended: () => void): Keeper {
  const call: Keeper['call'] = async (name, ask) => {
    const answer = await answerTo(name, ask);
    if (appending.has(name)) onAppended();
    return answer;
  };
  const answerTo: Keeper['call'] = async (name, ask) => {
    if (name !== 'feedback') return keeper.call(name, ask);
    const request = ask as FeedbackRequest;
    const found = keeper.call('feedback', request).catch(async (error: unknown) => {
      const response = await elsewhere(request, error, responses);
      return keeper.call('feedback', { ...request, response });
    });
    return found as ReturnType<typeof keeper.call<typeof name>>;
  };
  return {
    keep: (response) => keeper.keep(response),
    get numUnstored() {
      return keeper.numUnstored;
    },
    call,
    close: () => keeper.close(),
  };
}

/**
 * The response that this replica does not have. Throws the error again when no other has it either, and
 * feedback_unavailable when that cannot be known at the moment.
 */
async function elsewhere({ subject, tenant }: FeedbackRequest, error: unknown, responses: SharedResponses) {
  const isUnknown = error instanceof MillraceError && error.code === 'response_not_found';
  if (!isUnknown || subject.kind !== 'response') throw error;
  const response = await responses.find(subject.responseId, tenant).catch((cause: unknown) => {
    const reason =
      'this replica does not have the response, and what the others have stored cannot be asked for';
    throw new MillraceError('feedback_unavailable', { reason, retryAfterMs }, { cause });
  });
  if (response === null) throw error;
  return response;
}
