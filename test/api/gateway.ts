/** The public and the admin API on real ports, over an engine without a model and a small real tokenizer. */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import pino from 'pino';
import { systemClock } from '../../core/clock.ts';
import { loadChatTemplate } from '../../core/tokenizer/chat-template.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import type { Limits } from '../../server/admission/limits.ts';
import { MemoryLimits } from '../../server/admission/memory-limits.ts';
import type { ScoringEngine, StepPlan } from '../../server/batching/engine.ts';
import { createPromptEncoder } from '../../server/completion/prompt-encoder.ts';
import type { ServedGenerator } from '../../server/completion/served-model.ts';
import { type AppOptions, createAdminApp, createApp } from '../../server/http/app.ts';
import type { ApiKey } from '../../server/http/auth.ts';
import type { HttpLimits } from '../../server/http/limits.ts';
import type { Learning } from '../../server/learning/learning.ts';
import { Metrics, type MetricsOptions } from '../../server/observability/metrics.ts';
import type { Tracing } from '../../server/observability/tracing.ts';
import { createCatalogue } from '../../server/served-models.ts';
import { fixturePath } from '../root.ts';
import { createLoopEngine, type LoopEngine } from './loop-engine.ts';
import { registeredRoutes } from './registered-routes.ts';

export interface GatewayOptions {
  readonly keys?: readonly ApiKey[];
  readonly keyLimits?: Limits;
  readonly limits?: Partial<HttpLimits>;
  readonly numSlots?: number;
  readonly maxContext?: number;
  readonly stepMs?: number;
  readonly onStep?: (plan: StepPlan) => void;
  /** What is served in place of the model, and what learns from it; it is closed with the gateway. */
  readonly adapt?: (model: ServedGenerator) => ServedGenerator;
  readonly learning?: (model: ServedGenerator) => Promise<Learning>;
  readonly metrics?: Omit<MetricsOptions, 'engines'>;
  /** Is closed with the gateway. */
  readonly tracing?: Tracing;
}

export interface Gateway {
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly engine: LoopEngine;
  readonly model: ServedGenerator;
  /** Log lines so far. */
  readonly log: readonly string[];
  /** Every route of each listener: "GET /v1/files/:id". */
  readonly routes: { readonly api: readonly string[]; readonly admin: readonly string[] };
  close(): Promise<void>;
}

export const modelId = 'test-model';

const chatMl = `{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

const defaults: HttpLimits = {
  bodyBytes: 4_194_304,
  requestMs: 20_000,
  receiveMs: 2_000,
  maxConnections: 512,
  keepAliveMs: 15_000,
  maxWaiting: 64,
  maxWaitMs: 600_000,
  ttftTargetMs: 1000,
  tpotTargetMs: 50,
};

function createModel(options: GatewayOptions): { model: ServedGenerator; engine: LoopEngine } {
  const tokenizerJson = JSON.parse(readFileSync(fixturePath('tokenizers/smollm.json'), 'utf8'));
  const files = { tokenizerJson, tokenizerConfig: { chat_template: chatMl, eos_token: '<|im_end|>' } };
  const tokenizer = loadTokenizer(files);
  const { numSlots = 8, maxContext = 512, stepMs = 0, onStep } = options;
  const { vocabSize } = tokenizer;
  const engine = createLoopEngine({ numSlots, maxContext, stepMs, vocabSize, ...(onStep ? { onStep } : {}) });
  const template = loadChatTemplate(files);
  const served = {
    id: modelId,
    createdAt: 1_700_000_000,
    version: engine.version,
    digest: engine.version,
    tokenizer,
    encoder: createPromptEncoder(tokenizer, files),
  };
  return {
    engine,
    model: { ...served, kind: 'generator', template, eosTokenIds: [4], engine, scorer },
  };
}

/** Scores a token by its own id, so that an answer tells which tokens were scored. */
const scorer: ScoringEngine = {
  maxContext: 512,
  score: async (inputs) =>
    inputs.map(({ tokens, from }) => ({
      logprobs: Float32Array.from(tokens.slice(from), (id) => -id),
      isGreedy: false,
    })),
  close: async () => {},
};

export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const { model: made, engine } = createModel(options);
  const model = options.adapt?.(made) ?? made;
  const learning = (await options.learning?.(model)) ?? null;
  const log: string[] = [];
  const sink = new Writable({
    write(line, _encoding, done) {
      log.push(String(line));
      done();
    },
  });
  const appOptions: AppOptions = {
    models: createCatalogue([model]),
    limits: { ...defaults, ...options.limits },
    keys: options.keys ?? [],
    keyLimits: options.keyLimits ?? new MemoryLimits(systemClock),
    clock: systemClock,
    metrics: new Metrics({
      ...options.metrics,
      engines: () => [
        { model: model.id, version: model.version, stats: engine.stats(), state: engine.state() },
      ],
    }),
    tracing: options.tracing ?? null,
    logger: pino({ level: 'info' }, sink),
    readiness: { draining: false },
    learning,
  };
  const apps = [await createApp(appOptions), await createAdminApp(appOptions)];
  const ports: number[] = [];
  for (const app of apps) {
    await app.listen({ host: '127.0.0.1', port: 0 });
    ports.push((app.server.address() as AddressInfo).port);
  }
  return {
    url: `http://127.0.0.1:${ports[0]}`,
    port: ports[0]!,
    adminUrl: `http://127.0.0.1:${ports[1]}`,
    engine,
    model,
    log,
    routes: { api: registeredRoutes(apps[0]!), admin: registeredRoutes(apps[1]!) },
    async close() {
      for (const app of apps) app.server.closeAllConnections();
      await Promise.all([model.encoder.close(), ...apps.map((app) => app.close())]);
      await learning?.close();
      await options.tracing?.close();
    },
  };
}

export const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });

/** What the server must still do after whatever was done to it. */
export async function stillServes(gateway: Gateway, headers: Record<string, string> = {}): Promise<void> {
  const body = { model: modelId, prompt: 'hello', max_tokens: 3, temperature: 0, ignore_eos: true };
  const answer = await post(`${gateway.url}/v1/completions`, body, headers);
  const { usage } = (await answer.json()) as { usage?: { completion_tokens: number } };
  if (answer.status !== 200 || usage?.completion_tokens !== 3) {
    throw new Error(`the server no longer answers: ${answer.status}`);
  }
}
