/** Fine-tuning as a client of OpenAI's does it: a file of facts, a job with everything left to the server, and what its model knows. */
import { until } from '../wait.ts';
import { withChatLoad } from './chat-load.ts';
import { createJob, type Endpoint, type Job, jobOf, uploadLines } from './endpoint.ts';
import type { Fact } from './facts.ts';
import type { Figure, Finding, Lab } from './measure.ts';
import { driftOf, lossOf } from './perplexity.ts';
import { measureRecall, type RecallSample, rightShare } from './recall.ts';

const [pollMs, maxJobMs] = [1_000, 1_500_000];

export async function measureJobs(lab: Lab): Promise<Finding> {
  const { endpoint } = await lab.start(null);
  const base = await lossOf(endpoint, 'base');
  const { value } = await withChatLoad(endpoint, lab.background, async () => {
    const startedMs = performance.now();
    const job = await finished(endpoint, await order(endpoint, lab.facts), lab.deadline.left(maxJobMs));
    const tookMs = performance.now() - startedMs;
    const { status, error, fine_tuned_model: model } = job;
    lab.say(`  ${status} after ${(tookMs / 1_000).toFixed(0)} s`);
    if (model === null) throw new Error(`the job ended as ${status}: ${error?.message}`);
    const samples = await measureRecall({ ...endpoint, model }, lab.facts, lab.deadline, ['weights']);
    return { job, model, tookMs, samples };
  });
  const loss = await lossOf(endpoint, value.model.split(':').at(-1)!);
  const drift = driftOf(loss.all, base.all);
  return { figures: figuresOf(value, drift), drawings: [], raw: { ...value, base, loss } };
}

/** Id of a job that learns the very questions. */
async function order(endpoint: Endpoint, facts: readonly Fact[]): Promise<string> {
  const lines = facts.map(({ question, answer }) => ({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  }));
  return (await createJob(endpoint, await uploadLines(endpoint, lines))).id;
}

async function finished(endpoint: Endpoint, id: string, maxMs: number): Promise<Job> {
  const ended = async (): Promise<Job | null> => {
    const job = await jobOf(endpoint, id);
    return ['succeeded', 'failed', 'cancelled'].includes(job.status) ? job : null;
  };
  const job = await until(ended, { everyMs: pollMs, maxMs });
  if (job === null) throw new Error(`the job ${id} had not ended after ${Math.round(maxMs / 1_000)} s`);
  return job;
}

function figuresOf(
  { samples, tookMs }: { readonly samples: readonly RecallSample[]; readonly tookMs: number },
  drift: number,
): Figure[] {
  const right = (wording: RecallSample['wording']): Figure => ({
    name: `right answers, ${wording}`,
    value: rightShare(samples, 'weights', wording),
    unit: 'share',
    bound: null,
  });
  return [
    { name: 'from the upload to the end of the job', value: tookMs / 1_000, unit: 's', bound: null },
    right('exact'),
    right('paraphrase'),
    { name: 'perplexity elsewhere', value: drift, unit: 'share', bound: null },
  ];
}
