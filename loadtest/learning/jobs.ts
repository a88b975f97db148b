/** Fine-tuning as a client of OpenAI's does it: a file of facts, a job with everything left to the server, and what its model knows. */
import { exchange } from '../link.ts';
import { inParallel, until } from '../wait.ts';
import { withChatLoad } from './chat-load.ts';
import { chat, type Endpoint } from './endpoint.ts';
import { type Fact, isRight } from './facts.ts';
import type { Figure, Finding, Lab } from './measure.ts';
import { driftOf, lossOf } from './perplexity.ts';
import { shareOf } from './quantile.ts';

interface Job {
  readonly id: string;
  readonly status: string;
  readonly fine_tuned_model: string | null;
  readonly error: { readonly message?: string } | null;
  readonly trained_tokens: number | null;
}

interface Asked {
  readonly question: string;
  readonly wording: 'exact' | 'paraphrase';
  readonly isRight: boolean;
  readonly text: string;
}

const [width, pollMs, maxJobMs, maxUploadMs] = [4, 1_000, 1_500_000, 60_000];

export async function measureJobs(lab: Lab): Promise<Finding> {
  const { endpoint } = await lab.start(null);
  const base = await lossOf(endpoint, 'base');
  const { value } = await withChatLoad(endpoint, lab.background, async () => {
    const startedMs = performance.now();
    const job = await finished(endpoint, await order(endpoint, lab.facts), lab.deadline.left(maxJobMs));
    const tookMs = performance.now() - startedMs;
    lab.say(`  ${job.status} after ${(tookMs / 1_000).toFixed(0)} s`);
    if (job.fine_tuned_model === null)
      throw new Error(`the job ended as ${job.status}: ${job.error?.message}`);
    return { job, tookMs, asked: await askAll({ ...endpoint, model: job.fine_tuned_model }, lab.facts) };
  });
  const adapter = value.job.fine_tuned_model!.split(':').at(-1)!;
  const loss = await lossOf(endpoint, adapter);
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
  const form = new FormData();
  form.set('purpose', 'fine-tune');
  form.set('file', new Blob([lines.map((line) => JSON.stringify(line)).join('\n')]), 'facts.jsonl');
  const upload = await fetch(new URL('/v1/files', endpoint.api.origin), {
    method: 'POST',
    body: form,
    signal: AbortSignal.timeout(maxUploadMs),
  });
  if (!upload.ok) throw new Error(`the file was not taken: ${upload.status} ${await upload.text()}`);
  const { id: file } = (await upload.json()) as { id: string };
  const body = { model: endpoint.model, training_file: file };
  return (await call(endpoint, { method: 'POST', path: '/v1/fine_tuning/jobs', body })).id;
}

async function finished(endpoint: Endpoint, id: string, maxMs: number): Promise<Job> {
  const path = `/v1/fine_tuning/jobs/${id}`;
  const ended = async (): Promise<Job | null> => {
    const job = await call(endpoint, { method: 'GET', path });
    return ['succeeded', 'failed', 'cancelled'].includes(job.status) ? job : null;
  };
  const job = await until(ended, { everyMs: pollMs, maxMs });
  if (job === null) throw new Error(`the job ${id} had not ended after ${Math.round(maxMs / 1_000)} s`);
  return job;
}

async function call({ api }: Endpoint, message: Parameters<typeof exchange>[1]): Promise<Job> {
  const { status, text } = await exchange(api, message);
  if (status !== 200) throw new Error(`${message.path}: status ${status}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as Job;
}

function askAll(endpoint: Endpoint, facts: readonly Fact[]): Promise<Asked[]> {
  const asks = facts.flatMap((fact) => [
    { fact, question: fact.question, wording: 'exact' as const },
    ...fact.paraphrases.map((question) => ({ fact, question, wording: 'paraphrase' as const })),
  ]);
  return inParallel(asks, width, async ({ fact, question, wording }) => {
    const { text } = await chat(endpoint, { text: question, memory: 'off' });
    return { question, wording, isRight: isRight(fact, text), text };
  });
}

function figuresOf({ asked, tookMs }: { asked: readonly Asked[]; tookMs: number }, drift: number): Figure[] {
  const right = (wording: Asked['wording']): Figure => ({
    name: `right answers, ${wording}`,
    value: shareOf(
      asked.filter((each) => each.wording === wording),
      (each) => each.isRight,
    ),
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
