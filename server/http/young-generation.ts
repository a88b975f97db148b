/** How the gateway's garbage collector is set up: what a request leaves behind is to die young. */
import { setFlagsFromString } from 'node:v8';

/**
 * To be called before the first request. After a burst, in which objects live longer, V8 makes those of the same places of
 * the program in the old generation at once. There each keeps alive what it refers to until the next full collection, and
 * every scavenge copies a megabyte that nobody needs; see docs/experiments.md.
 */
export function keepRequestsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
