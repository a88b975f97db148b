/** The server as a whole, the only file that wires its parts: configuration → models → engines → apps → listeners. */
import type { AddressInfo } from 'node:net';
import { systemClock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
import type { ServedModel } from './completion/served-model.ts';
import type { Config } from './config/declaration.ts';
import { ensureImported } from './default-model.ts';
import { type AppOptions, createAdminApp, createApp } from './http/app.ts';
import type { HttpLimits } from './http/limits.ts';
import { createNullModel, nullModelName } from './null-model.ts';
import { createLogger } from './observability/log.ts';
import { Metrics } from './observability/metrics.ts';
import { createCatalogue, startEmbedder, startGenerator } from './served-models.ts';

const idleSweepMs = 50;

type App = Awaited<ReturnType<typeof createApp>>;

/** Whoever watches the start. */
export interface StartView {
  stage<T>(label: string, work: () => Promise<T>): Promise<T>;
}

export interface RunningServer {
  /** Where the API listens: "http://127.0.0.1:8080". */
  readonly url: string;
  readonly adminUrl: string;
  readonly models: readonly ServedModel[];
  /** Refuses new requests, lets running ones finish, then ends the engines. */
  close(): Promise<void>;
}

function limitsOf(config: Config): HttpLimits {
  return {
    bodyBytes: config['limits.bodyBytes'],
    requestMs: config['limits.requestMs'],
    receiveMs: config['limits.receiveMs'],
    maxConnections: config['limits.maxConnections'],
    keepAliveMs: config['server.keepAliveMs'],
    maxWaiting: config['queue.maxWaiting'],
    maxWaitMs: config['queue.maxWaitMs'],
    ttftTargetMs: config['engine.ttftTargetMs'],
    tpotTargetMs: config['engine.tpotTargetMs'],
  };
}

/** Binds, and says where. A port in use or a forbidden address is the configuration's fault. */
async function listen(app: App, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const hint = code === 'EADDRINUSE' ? ' Something listens there already; choose another with --port.' : '';
    const message = `Cannot listen on ${host}:${port} (${code ?? error}).${hint}`;
    throw new MillraceError('invalid_argument', { message }, { cause: error });
  }
  const { address, port: bound, family } = app.server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
}

/** A connection whose answer ends after the close began stays open, idle; those are closed as they appear. */
async function closeApp(app: App): Promise<void> {
  const timer = setInterval(() => app.server.closeIdleConnections(), idleSweepMs);
  await app.close().finally(() => clearInterval(timer));
}

async function closeModel(model: ServedModel): Promise<void> {
  const scorer = model.kind === 'generator' ? model.scorer : null;
  await Promise.all([model.encoder.close(), model.engine.close(), scorer?.close()]);
}

async function startModels(
  config: Config,
  view: StartView,
  log: (message: string) => void,
): Promise<ServedModel[]> {
  const models: ServedModel[] = [];
  const start = async (name: string, begin: (name: string) => Promise<ServedModel>): Promise<void> => {
    await ensureImported(name, config);
    models.push(await view.stage(`verifying and loading ${name}`, () => begin(name)));
  };
  try {
    if (config['models.default'] === nullModelName) models.push(createNullModel(config['engine.maxContext']));
    else await start(config['models.default'], (name) => startGenerator(name, config, log));
    const embeddings = config['models.embeddings'];
    if (embeddings !== '') await start(embeddings, (name) => startEmbedder(name, config, log));
    return models;
  } catch (error) {
    await Promise.all(models.map(closeModel));
    throw error;
  }
}

/** Throws whatever keeps the server from serving; nothing is left running then. */
export async function startServer(config: Config, view: StartView): Promise<RunningServer> {
  const logger = createLogger(config['log.level']);
  const models = await startModels(config, view, (message) => logger.warn(message));
  const readiness = { draining: false };
  const apps: App[] = [];
  const close = async (): Promise<void> => {
    readiness.draining = true;
    await Promise.all(apps.map(closeApp));
    await Promise.all(models.map(closeModel));
  };
  const observe = () =>
    models.flatMap((model) => {
      if (model.kind !== 'generator') return [];
      const { id, version, engine } = model;
      return [{ model: id, version, stats: engine.stats(), state: engine.state() }];
    });
  const options: AppOptions = {
    models: createCatalogue(models),
    limits: limitsOf(config),
    keys: config['auth.keys'],
    clock: systemClock,
    metrics: new Metrics(observe),
    logger,
    readiness,
  };
  try {
    apps.push(await createApp(options), await createAdminApp(options));
    const [app, admin] = apps as [App, App];
    const url = await listen(app, config['server.host'], config['server.port']);
    const adminUrl = await listen(admin, config['admin.host'], config['admin.port']);
    return { url, adminUrl, models, close };
  } catch (error) {
    await close();
    throw error;
  }
}
