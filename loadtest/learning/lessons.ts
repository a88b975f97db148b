/** One server, one course of lessons: how fresh each is, and afterwards what is known. */
import { type Chats, withChatLoad } from './chat-load.ts';
import type { Endpoint } from './endpoint.ts';
import { freshnessFinding, measureFreshness } from './freshness.ts';
import type { Figure, Finding, Lab } from './measure.ts';
import { measureFalseMatches, measureRecall, recallFinding } from './recall.ts';
import { told, warmUp } from './teach.ts';

const maxWarmUpMs = 180_000;

export async function measureLessons(lab: Lab): Promise<{ freshness: Finding; recall: Finding }> {
  const { endpoint } = await lab.start(null);
  const { value, chats } = await withChatLoad(endpoint, lab.background, () => giveLessons(lab, endpoint));
  const { freshness, recall, warmUpMs } = value;
  const streams = streamsOf(chats);
  const failed: Figure = {
    name: 'streams that failed meanwhile',
    value: streams.numFailed,
    unit: 'count',
    bound: { most: 0 },
  };
  const figures = [...freshness.figures, failed];
  return { freshness: { ...freshness, figures, raw: { ...freshness.raw, streams, warmUpMs } }, recall };
}

async function giveLessons(
  lab: Lab,
  endpoint: Endpoint,
): Promise<{ freshness: Finding; recall: Finding; warmUpMs: number }> {
  const startedMs = performance.now();
  const first = await warmUp(endpoint, lab.deadline.left(maxWarmUpMs));
  const warmUpMs = performance.now() - startedMs;
  lab.say(`  first lesson after ${(warmUpMs / 1000).toFixed(1)} s, ${told(first)}`);
  const freshness = freshnessFinding(await measureFreshness(endpoint, lab.facts, lab));
  lab.say('  asking everything again, and what is unrelated');
  const samples = await measureRecall(endpoint, lab.facts, lab.deadline);
  const recall = recallFinding(samples, await measureFalseMatches(endpoint, lab.deadline));
  return { freshness, recall, warmUpMs };
}

const streamsOf = (chats: Chats) => ({
  numChats: chats.length,
  numFailed: chats.filter(({ ok }) => !ok).length,
  errors: chats.flatMap(({ error }) => error ?? []).slice(0, 5),
  // Streams ask nothing that was taught: memory should not answer them.
  numMatched: chats.filter(({ fingerprints }) => fingerprints.some((each) => /\+m\d/.test(each))).length,
});
