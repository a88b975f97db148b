/** What the learner publishes is brought into a follower's engine, so that moving an alias to it waits for nothing. */
import type { VersionEvent } from '../../core/registry/learning-layout.ts';
import type { Rollout } from '../rollout/rollout.ts';
import type { Replica } from './replica.ts';

export interface FollowingParts {
  readonly rollout: Pick<Rollout, 'serves' | 'warm'>;
  readonly replica: Pick<Replica, 'fetchAdapter' | 'fetchBase' | 'tell'>;
  readonly onProblem: (message: string) => void;
}

/** A version that cannot be had is told of, and not waited for: the alias may move to it without this replica. Never throws. */
export async function followEvent(parts: FollowingParts, event: VersionEvent): Promise<void> {
  const { rollout, replica, onProblem } = parts;
  if (!rollout.serves(event.model)) return;
  if (event.type === 'published') await follow(parts, event);
  // Beforehand: it is large, and the alias may move soon.
  if (event.type === 'base')
    await replica.fetchBase(event.model, event.version).catch((error: unknown) => {
      onProblem(`${event.model}: the base ${event.version} is not here yet: ${String(error)}`);
    });
}

async function follow(
  { rollout, replica, onProblem }: FollowingParts,
  { model, tenant, adapter }: Extract<VersionEvent, { type: 'published' }>,
): Promise<void> {
  try {
    await replica.fetchAdapter(adapter);
    await rollout.warm(model, adapter);
    replica.tell(model, adapter, null);
  } catch (error) {
    replica.tell(model, adapter, error);
    onProblem(`${model}, ${tenant}: ${adapter} cannot be served here: ${String(error)}`);
  }
}
