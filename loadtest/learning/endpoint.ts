/** The server's API as the benchmark uses it: chats, feedback, likelihoods, and what operators may do. */

import { exchange, type Link, openLink, type Reply } from '../link.ts';
import { adapterOf, parseFingerprint, type Version } from './fingerprint.ts';

export interface Endpoint {
  readonly api: Link;
  readonly admin: Link;
  readonly model: string;
  /** Whose data is learned from; without keys everybody is "anonymous". */
  readonly tenant: string;
}

export interface Question {
  readonly text: string;
  readonly maxTokens?: number;
  /** "off": the answer comes from the weights alone. */
  readonly memory?: 'on' | 'off';
  /** Fingerprint, adapter id, or "base"; what is served otherwise. */
  readonly version?: string;
}

export interface Answer {
  readonly id: string;
  readonly text: string;
  readonly fingerprint: string;
  readonly version: Version;
}

export interface Fate {
  readonly state: 'stored' | 'queued' | 'dropped' | 'trained';
  readonly reason: string | null;
  /** Entry of the memory that was made of it. */
  readonly memory: string | null;
  /** Adapter that contains it. */
  readonly adapter: string | null;
}

/** Long enough for any answer that is judged. */
export const answerTokens = 48;

/** The same server under another key. */
export const asAccount = (endpoint: Endpoint, apiKey: string): Endpoint => ({
  ...endpoint,
  api: openLink(endpoint.api.origin.href, apiKey),
});

export function chatBody(endpoint: Endpoint, question: Question): object {
  const { text, maxTokens, memory, version } = question;
  const extra = {
    ...(memory === 'off' ? { memory: false } : {}),
    ...(version === undefined ? {} : { version }),
  };
  return {
    model: endpoint.model,
    messages: [{ role: 'user', content: text }],
    max_tokens: maxTokens ?? answerTokens,
    temperature: 0,
    ...(Object.keys(extra).length === 0 ? {} : { millrace: extra }),
  };
}

/** Greedy. Throws when the answer is not 200. */
export async function chat(endpoint: Endpoint, question: Question): Promise<Answer> {
  const body = chatBody(endpoint, question);
  const path = '/v1/chat/completions';
  const json = parsed<{
    id: string;
    system_fingerprint: string;
    choices: { message: { content: string | null } }[];
  }>(path, await exchange(endpoint.api, { method: 'POST', path, body }));
  const fingerprint = json.system_fingerprint;
  const text = json.choices[0]?.message.content ?? '';
  return { id: json.id, text, fingerprint, version: parseFingerprint(fingerprint) };
}

/** Posts feedback of any kind; the id of its row. Throws unless it was accepted as durable. */
export async function giveFeedback(endpoint: Endpoint, body: object): Promise<string> {
  const path = '/v1/feedback';
  const reply = await exchange(endpoint.api, { method: 'POST', path, body });
  const json = parsed<{ id: string; durable: boolean }>(path, reply, 202);
  if (!json.durable) throw new Error(`feedback ${json.id} was accepted without being durable`);
  return json.id;
}

export const correct = (endpoint: Endpoint, responseId: string, text: string): Promise<string> =>
  giveFeedback(endpoint, { response_id: responseId, kind: 'correction', text });

export async function fateOf(endpoint: Endpoint, row: string): Promise<Fate> {
  const path = `/v1/feedback/${encodeURIComponent(row)}`;
  const json = parsed<{
    state: Fate['state'];
    reason?: string | null;
    memory?: { id: string } | null;
    version?: string | null;
  }>(path, await exchange(endpoint.api, { method: 'GET', path }));
  return {
    state: json.state,
    reason: json.reason ?? null,
    memory: json.memory?.id ?? null,
    adapter: adapterOf(json.version),
  };
}

export const isSettled = ({ state }: Fate): boolean => state === 'trained' || state === 'dropped';

/** Log probabilities of a text's tokens, without its first, by a version. */
export async function logprobsOf(endpoint: Endpoint, text: string, version: string): Promise<number[]> {
  const path = '/v1/completions';
  const body = {
    model: endpoint.model,
    prompt: text,
    max_tokens: 0,
    echo: true,
    logprobs: 0,
    millrace: { memory: false, version },
  };
  const json = parsed<{ choices: { logprobs: { token_logprobs: (number | null)[] } }[] }>(
    path,
    await exchange(endpoint.api, { method: 'POST', path, body }),
  );
  return json.choices[0]!.logprobs.token_logprobs.filter((value) => value !== null);
}

export interface Base {
  readonly id: string;
  readonly isImported: boolean;
  readonly isServed: boolean;
}

export async function basesOf({ admin, model }: Endpoint): Promise<Base[]> {
  const path = `/admin/bases?model=${encodeURIComponent(model)}`;
  const json = parsed<{ data: readonly { id: string; imported: boolean; served: boolean }[] }>(
    path,
    await exchange(admin, { method: 'GET', path }),
  );
  return json.data.map(({ id, imported, served }) => ({ id, isImported: imported, isServed: served }));
}

/** Returns when it is served. Throws unless it is. */
export async function moveBase({ admin, model }: Endpoint, version: string): Promise<void> {
  const path = '/admin/base';
  parsed(path, await exchange(admin, { method: 'POST', path, body: { model, version } }));
}

/** Asks for what the tenant has learned to be merged into a base version of its own, which is then served. */
export async function consolidate({ admin, model, tenant }: Endpoint): Promise<void> {
  const path = '/admin/consolidate';
  parsed(path, await exchange(admin, { method: 'POST', path, body: { model, tenant } }), 202);
}

/** An act of an operator. Throws unless it was done. */
export async function operate(
  { admin, model, tenant }: Endpoint,
  act: { readonly promote: string } | 'rollback' | 'pause' | 'resume',
): Promise<void> {
  const ofVersions = { model, tenant };
  const [path, body] =
    typeof act === 'object'
      ? [`/admin/versions/${act.promote}/promote`, ofVersions]
      : act === 'rollback'
        ? ['/admin/rollback', ofVersions]
        : [`/admin/learning/${act}`, {}];
  const reply = await exchange(admin, { method: 'POST', path, body });
  if (reply.status >= 300) throw new Error(`${path}: status ${reply.status}: ${reply.text.slice(0, 300)}`);
}

export interface Job {
  readonly id: string;
  readonly status: string;
  readonly fine_tuned_model: string | null;
  readonly error: { readonly message?: string } | null;
}

const maxUploadMs = 60_000;

/** Uploads lines of JSON to be trained on; the id of the file. */
export async function uploadLines({ api }: Endpoint, lines: readonly object[]): Promise<string> {
  const path = '/v1/files';
  const form = new FormData();
  form.set('purpose', 'fine-tune');
  form.set('file', new Blob([lines.map((line) => JSON.stringify(line)).join('\n')]), 'lines.jsonl');
  const signal = AbortSignal.timeout(maxUploadMs);
  const reply = await fetch(new URL(path, api.origin), { method: 'POST', body: form, signal });
  return parsed<{ id: string }>(path, { status: reply.status, text: await reply.text() }).id;
}

/** With everything left to the server. */
export async function createJob({ api, model }: Endpoint, file: string): Promise<Job> {
  const path = '/v1/fine_tuning/jobs';
  return parsed(path, await exchange(api, { method: 'POST', path, body: { model, training_file: file } }));
}

export async function jobOf({ api }: Endpoint, id: string): Promise<Job> {
  const path = `/v1/fine_tuning/jobs/${id}`;
  return parsed(path, await exchange(api, { method: 'GET', path }));
}

/** What the server says of its trainer; null where it says nothing. */
export async function trainingOf({
  admin,
}: Endpoint): Promise<{ isTraining: boolean; seconds: number } | null> {
  const { status, text } = await exchange(admin, { method: 'GET', path: '/metrics' });
  if (status !== 200) return null;
  const sampleOf = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  const seconds = sampleOf('millrace_training_seconds_total');
  return Number.isNaN(seconds) ? null : { isTraining: sampleOf('millrace_trainer_training') === 1, seconds };
}

function parsed<Json>(path: string, { status, text }: Reply, wanted = 200): Json {
  if (status !== wanted) throw new Error(`${path}: status ${status}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as Json;
}
