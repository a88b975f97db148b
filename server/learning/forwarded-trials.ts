/** Trials as a follower has them: what it observes goes to the learner, and nothing is decided here. */
import { MillraceError } from '../../core/errors.ts';
import type { Trials } from '../rollout/trials.ts';
import type { Replica } from './replica.ts';

/** What of trials is asked for where requests are answered. */
export type TrialsDesk = Pick<Trials, 'observe' | 'observeFeedback' | 'view'>;

export function forwardedTrials({ observe, learner }: Pick<Replica, 'observe' | 'learner'>): TrialsDesk {
  return {
    observe,
    // The learner gets every row of feedback, and takes from it what it says of versions.
    observeFeedback: () => {},
    view() {
      throw new MillraceError('not_the_learner', { learner: learner() });
    },
  };
}
