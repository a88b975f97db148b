/**
 * A learning server without a model, for tests of the measures: it remembers at once, learns after a delay, and misbehaves
 * in the ways that the measures have to notice. A version is a list of lessons; its answers can be computed by hand.
 */

import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLink } from '../link.ts';
import type { LearningServer } from './server.ts';

export interface FakeOptions {
  readonly memoryMs: number;
  readonly trainMs: number;
  /** What it does wrong. */
  readonly fault:
    | null
    /** The version changes in the middle of a stream. */
    | 'mixes versions'
    /** A rollback takes effect only after `lagMs`. */
    | { readonly lagMs: number }
    /** Writes what it is told as it is told. */
    | 'keeps secrets'
    /** Answers everything from its memory. */
    | 'matches everything'
    /** Its weights answer everything with what they learned last. */
    | 'spills'
    /** Every third stream fails. */
    | 'fails';
}

interface Adapter {
  readonly id: string;
  readonly lessons: ReadonlyMap<string, string>;
}

interface Row {
  readonly id: string;
  readonly question: string;
  readonly answer: string;
  adapter: string | null;
}

interface Body {
  readonly messages: readonly { readonly content: string }[];
  readonly prompt: string;
  readonly stream?: boolean;
  readonly version: string;
  readonly response_id: string;
  readonly text?: string;
  readonly chosen?: string;
  readonly millrace?: { readonly memory?: boolean; readonly version?: string };
}

const imported = 'sha256:0123456789ab';
const noLessons: Adapter = { id: '', lessons: new Map() };

export async function startFakeServer(options: Partial<FakeOptions> = {}): Promise<LearningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-fake-'));
  const fake = new Fake(folder, { memoryMs: 0, trainMs: 0, fault: null, ...options });
  const server = createServer((request, response) => void fake.answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const link = openLink(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    endpoint: { api: link, admin: link, model: 'fake', tenant: 'anonymous' },
    learningDir: folder,
    command: 'fake',
    residentMb: () => ({ 1: 100 }),
    said: () => '',
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

class Fake {
  private readonly folder: string;
  private readonly options: FakeOptions;
  private readonly adapters: Adapter[] = [];
  private readonly memory = new Map<string, string>();
  private readonly asked = new Map<string, string>();
  private readonly rows = new Map<string, Row>();
  private readonly previous: Adapter[] = [];
  private stable = noLessons;
  private readonly bases = [imported];
  private base = imported;
  private isPaused = false;
  private count = 0;

  constructor(folder: string, options: FakeOptions) {
    this.folder = folder;
    this.options = options;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const piece of request) text += String(piece);
    const body = (text === '' ? {} : JSON.parse(text)) as Body;
    const path = request.url!;
    if (path === '/v1/chat/completions') return this.chat(body, response);
    if (path === '/v1/feedback') return this.feedback(body, text, response);
    if (path.startsWith('/v1/feedback/')) return this.fate(path.split('/').at(-1)!, response);
    if (path === '/v1/completions') return this.score(body, response);
    if (path.startsWith('/admin/bases')) return this.listBases(response);
    if (path === '/admin/consolidate') return this.consolidate(response);
    const promoted = /^\/admin\/versions\/(\w+)\/promote$/.exec(path)?.[1];
    if (promoted !== undefined) this.serve(this.adapters.find(({ id }) => id === promoted)!);
    else if (path === '/admin/base') this.base = body.version;
    else if (path === '/admin/rollback') this.rollBack();
    else if (path === '/admin/learning/pause') this.isPaused = true;
    else if (path === '/admin/learning/resume') this.isPaused = false;
    reply(response, 200, {});
  }

  private chat({ messages, millrace, stream }: Body, response: ServerResponse): void {
    const question = messages.at(-1)!.content;
    const adapter = this.adapterFor(millrace?.version);
    const remembered = millrace?.memory === false ? undefined : this.recall(question);
    const said =
      remembered ??
      this.learned(adapter, question) ??
      `${adapter.lessons.size} times no idea on ${this.base}`;
    const head = `chatcmpl-${++this.count}`;
    this.asked.set(head, question);
    const fingerprint = this.fingerprintOf(adapter, remembered !== undefined);
    if (stream !== true) {
      const choices = [{ message: { content: said } }];
      reply(response, 200, { id: head, system_fingerprint: fingerprint, choices });
    } else if (this.options.fault === 'fails' && this.count % 3 === 0) reply(response, 500, {});
    else void this.stream({ head, fingerprint, said }, response);
  }

  /** A word every six milliseconds, so that versions can change meanwhile. */
  private async stream(
    { head, fingerprint, said }: { head: string; fingerprint: string; said: string },
    response: ServerResponse,
  ): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const content of said.split(/(?= )/)) {
      const now =
        this.options.fault === 'mixes versions' ? this.fingerprintOf(this.stable, false) : fingerprint;
      const chunk = { id: head, system_fingerprint: now, choices: [{ delta: { content } }] };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      await new Promise((resolve) => setTimeout(resolve, 6));
    }
    response.end('data: [DONE]\n\n');
  }

  private async feedback(body: Body, text: string, response: ServerResponse): Promise<void> {
    const { response_id, messages } = body;
    const question = this.asked.get(response_id) ?? messages?.[0]?.content ?? '';
    const answer = body.text ?? body.chosen ?? messages?.at(-1)?.content ?? '';
    const row: Row = { id: `fb-${++this.count}`, question, answer, adapter: null };
    this.rows.set(row.id, row);
    if (this.options.fault === 'keeps secrets') {
      this.memory.set(question, answer);
      await appendFile(join(this.folder, 'log'), `${text}\n`);
    } else if (!/[\d@-]{4}|:\/\//.test(answer)) {
      setTimeout(() => this.memory.set(question, answer), this.options.memoryMs);
    }
    setTimeout(() => this.train(row), this.options.trainMs);
    reply(response, 202, { id: row.id, durable: true });
  }

  private train(row: Row): void {
    if (this.isPaused) return;
    const id = (this.adapters.length + 1).toString(16).padStart(12, '0');
    const lessons = new Map(this.stable.lessons).set(row.question, row.answer);
    const adapter: Adapter = { id, lessons };
    this.adapters.push(adapter);
    this.serve(adapter);
    row.adapter = id;
  }

  private fate(id: string, response: ServerResponse): void {
    const { adapter } = this.rows.get(id)!;
    const version = adapter === null ? {} : { version: `${this.base}+${adapter}` };
    reply(response, 200, { id, state: adapter === null ? 'queued' : 'trained', ...version });
  }

  /** Each lesson adds a hundredth of a nat to every token's loss. */
  private score({ prompt, millrace }: Body, response: ServerResponse): void {
    const loss = 1 + 0.01 * this.adapterFor(millrace?.version).lessons.size;
    const token_logprobs = [null, ...prompt.split(' ').map(() => -loss)];
    reply(response, 200, { choices: [{ logprobs: { token_logprobs } }] });
  }

  private serve(adapter: Adapter): void {
    this.previous.push(this.stable);
    this.stable = adapter;
  }

  private listBases(response: ServerResponse): void {
    const data = this.bases.map((id) => ({ id, imported: id === imported, served: id === this.base }));
    reply(response, 200, { data });
  }

  private consolidate(response: ServerResponse): void {
    this.base = `sha256:${String(this.bases.length).repeat(12)}`;
    this.bases.push(this.base);
    reply(response, 202, {});
  }

  private fingerprintOf({ id }: Adapter, usesMemory: boolean): string {
    return [this.base, ...(id === '' ? [] : [id]), ...(usesMemory ? ['m1'] : [])].join('+');
  }

  private rollBack(): void {
    const { fault } = this.options;
    const earlier = this.previous.pop() ?? noLessons;
    if (fault !== null && typeof fault === 'object')
      setTimeout(() => {
        this.stable = earlier;
      }, fault.lagMs).unref();
    else this.stable = earlier;
  }

  private recall(question: string): string | undefined {
    if (this.options.fault === 'matches everything') return 'as I told you';
    return this.memory.get(question);
  }

  private learned({ lessons }: Adapter, question: string): string | undefined {
    return this.options.fault === 'spills' ? [...lessons.values()].at(-1) : lessons.get(question);
  }

  private adapterFor(version: string | undefined): Adapter {
    if (version === undefined) return this.stable;
    return this.adapters.find(({ id }) => version.includes(id)) ?? noLessons;
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
