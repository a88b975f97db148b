/** The HTTP surface: fastify with safe limits, authorization on the matched route, errors in one shape. */
import { randomUUID } from 'node:crypto';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Clock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { Admission } from '../admission/admission.ts';
import type { Limits } from '../admission/limits.ts';
import type { ModelCatalogue, ServedGenerator } from '../completion/served-model.ts';
import type { Learning } from '../learning/learning.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Tracing } from '../observability/tracing.ts';
import { Accounts, type ApiKey } from './auth.ts';
import { parseJson } from './body.ts';
import { accountOf, type Context, setHeaders } from './context.ts';
import { errorBody, failureOf, sendFailure } from './error-reply.ts';
import type { HttpLimits } from './limits.ts';
import { documented, securitySchemes } from './openai/answers.ts';
import { farewell, type Readiness } from './readiness.ts';
import { watchRequest } from './request-watch.ts';
import { baseRoutes } from './routes/bases.ts';
import { embeddingRoutes } from './routes/embeddings.ts';
import { feedbackRoutes } from './routes/feedback.ts';
import { fileRoutes } from './routes/files.ts';
import { fineTuningRoutes } from './routes/fine-tuning.ts';
import { generationRoutes } from './routes/generation.ts';
import { healthRoutes } from './routes/health.ts';
import { memoryRoutes } from './routes/memory.ts';
import { modelRoutes } from './routes/models.ts';
import { scoreRoutes } from './routes/scores.ts';
import { versionRoutes } from './routes/versions.ts';

export interface AppOptions {
  readonly models: ModelCatalogue;
  readonly limits: HttpLimits;
  readonly keys: readonly ApiKey[];
  /** What counts how much each key asks for. */
  readonly keyLimits: Limits;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null;
  readonly logger: FastifyBaseLogger;
  readonly readiness: Readiness;
  /** Null: nothing is kept and nothing learned. */
  readonly learning: Learning | null;
}

const maxHeaderBytes = 16_384;

/** The public API. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const app = createServer(options);
  const context = createContext(options);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Millrace', version: '0.1.0', description: 'OpenAI-compatible inference' },
      components: { securitySchemes },
    },
    transform: ({ schema, url, route }) => ({
      schema: documented({
        ...{ url, schema, method: route.method, scope: route.config?.scope },
        asksForKeys: options.keys.length > 0,
      }),
      url,
    }),
  });
  // Inside a plugin, so that the specification sees the routes.
  await app.register(async (routes) => {
    generationRoutes(routes, context);
    embeddingRoutes(routes, context);
    scoreRoutes(routes, context);
    feedbackRoutes(routes, context);
    memoryRoutes(routes, context);
    const { learning } = options;
    if (learning !== null)
      await routes.register(async (jobs) => {
        jobs.addHook('preHandler', async () => learning.requireLearner());
        fileRoutes(jobs, context, learning.jobs);
        fineTuningRoutes(jobs, context, learning.jobs);
      });
    modelRoutes(routes, context);
    healthRoutes(routes, context);
    metricsRoute(routes, options.metrics, 'inference');
    routes.get('/openapi.json', { config: { scope: 'public' } }, async () => app.swagger());
  });
  return app;
}

/** The operator's API, on a listener of its own. */
export async function createAdminApp(options: AppOptions): Promise<FastifyInstance> {
  const app = createServer(options);
  const context = createContext(options);
  const config = { scope: 'admin' as const };
  healthRoutes(app, context);
  metricsRoute(app, options.metrics, 'admin');
  app.get('/admin/models', { config }, async () => ({
    data: options.models.list().map((model) => ({
      id: model.id,
      version: model.version,
      state: model.engine.state(),
      ...(model.kind === 'generator' ? { stats: model.engine.stats() } : {}),
    })),
  }));
  versionRoutes(app, context);
  baseRoutes(app, context);
  app.post('/admin/drain', { config }, async () => {
    options.readiness.draining = true;
    return { status: 'draining' };
  });
  return app;
}

function createContext(options: AppOptions): Context {
  const admissions = new WeakMap<ServedGenerator['engine'], Admission>();
  return {
    models: options.models,
    limits: options.limits,
    clock: options.clock,
    metrics: options.metrics,
    learning: options.learning,
    readiness: options.readiness,
    admissionOf({ engine }) {
      let admission = admissions.get(engine);
      if (admission === undefined) {
        admission = new Admission(engine, options.limits, options.clock);
        admissions.set(engine, admission);
      }
      return admission;
    },
  };
}

function createServer(options: AppOptions): FastifyInstance {
  const { limits, keys, keyLimits, clock, logger } = options;
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.receiveMs,
    connectionTimeout: 0,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    exposeHeadRoutes: false,
    // What still comes on an open connection is answered; fastify closes the connection behind it.
    return503OnClosing: false,
    http: {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: Math.min(10_000, limits.receiveMs),
      // How late a time limit may be noticed; Node's own is half a minute.
      connectionsCheckingInterval: 1_000,
    },
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false },
    },
    clientErrorHandler,
  });
  app.server.maxConnections = limits.maxConnections;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => parseJson(body),
  );
  app.decorateRequest('account', null);
  app.decorateRequest('trace', null);
  const accounts = new Accounts(keys, keyLimits, clock);
  app.addHook('onRequest', async (request, reply) => {
    const { url: route = '', config } = request.routeOptions;
    watchRequest(options, { request, reply, route });
    reply.header('x-request-id', request.id);
    const scope = config.scope ?? 'inference';
    if (scope !== 'public') request.account = accounts.authorize(request.headers.authorization, scope);
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    setHeaders(reply, farewell(options.readiness));
    done();
  });
  app.setErrorHandler((error, request, reply) => sendFailure(request, reply, error));
  app.setNotFoundHandler((request, reply) => {
    const message = `There is no ${request.method} ${request.url.replace(/[^\w./-]/g, '?').slice(0, 100)}. See /openapi.json.`;
    const error = {
      ...failureOf(new MillraceError('invalid_argument', { message })),
      status: 404,
      code: 'not_found',
    };
    return reply.code(404).send(errorBody(error));
  });
  return app;
}

function metricsRoute(app: FastifyInstance, metrics: Metrics, scope: 'inference' | 'admin'): void {
  app.get('/metrics', { config: { scope } }, async (request, reply) => {
    reply.header('content-type', metrics.contentType);
    const account = accountOf(request);
    return metrics.text({ ofTenants: account.has('metrics') || account.has('admin') });
  });
}

/** What never became a request: broken HTTP, too large a head, too slow a client. */
function clientErrorHandler(error: Error & { code?: string }, socket: import('node:net').Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, reason] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'The request head is too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'The request did not arrive in time.']
        : [400, 'This is not HTTP.'];
  const body = JSON.stringify({
    error: { message: reason, type: 'invalid_request_error', param: null, code: null },
  });
  socket.end(
    `HTTP/1.1 ${status} Error\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}
