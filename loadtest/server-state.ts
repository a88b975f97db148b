/** What the admin listener of a Millrace server tells of its work, for scenarios that look behind the answers. */
import { exchange, type Link } from './link.ts';
import { until } from './wait.ts';

const answerMs = 5_000;

/** Sequences in slots and in the queue, of all models. Throws when the listener does not answer so. */
export async function heldSequences(admin: Link): Promise<number> {
  const { data } = await ask<{
    data: readonly { readonly stats?: { readonly numRunning: number; readonly numWaiting: number } }[];
  }>(admin, { method: 'GET', path: '/admin/models' });
  return data.reduce((sum, { stats }) => sum + (stats?.numRunning ?? 0) + (stats?.numWaiting ?? 0), 0);
}

/** Milliseconds until nothing is held any more; null when that is not within `maxMs`. */
export async function msUntilFree(admin: Link, maxMs: number): Promise<number | null> {
  const startMs = performance.now();
  const free = async (): Promise<true | null> => ((await heldSequences(admin)) === 0 ? true : null);
  return (await until(free, { everyMs: 20, maxMs })) === null ? null : performance.now() - startMs;
}

/** Throws unless the status is 2xx and the body is JSON. */
export async function ask<Json>(
  admin: Link,
  message: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: object },
): Promise<Json> {
  const { status, text } = await exchange(admin, { ...message, timeoutMs: answerMs });
  if (status >= 300) throw new Error(`${message.path}: status ${status}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as Json;
}
