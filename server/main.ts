/** The server as a whole, the only file that wires its parts: configuration → models → engines → apps → listeners. */
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
import { BaseSwap, type BaseSwapParts } from './base-swap.ts';
import { type Cluster, openCluster } from './cluster-setup.ts';
import type { ServedGenerator, ServedModel } from './completion/served-model.ts';
import type { Config } from './config/declaration.ts';
import { openListeners } from './config/open-listeners.ts';
import { ensureImported } from './default-model.ts';
import { type AppOptions, createAdminApp, createApp } from './http/app.ts';
import type { HttpLimits } from './http/limits.ts';
import { OpenRequests } from './http/open-requests.ts';
import { keepRequestsYoung } from './http/young-generation.ts';
import type { Learning } from './learning/learning.ts';
import { SharedCpu } from './learning/shared-cpu.ts';
import { baseToServe, startLearning } from './learning-setup.ts';
import { createNullModel, nullModelName } from './null-model.ts';
import { createLogger } from './observability/log.ts';
import {
  closeModel,
  createCatalogue,
  type OnStep,
  type ReplaceableCatalogue,
  startEmbedder,
  startGenerator,
} from './served-models.ts';
import { openTelemetry, type Telemetry } from './telemetry-setup.ts';

const idleSweepMs = 50;
/** Whoever has connected before the listener closed says within this what it wants. */
const silentMs = 1_000;

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
  /** Says that it is not ready, accepts requests a while longer, lets those that run finish, then ends the engines. */
  close(): Promise<void>;
  /** While it closes: requests that still run end with an error. Resolves when the engines are gone. */
  cutOff(): Promise<void>;
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

/** A listener, and the requests that have come to it. */
interface Listener {
  readonly app: App;
  readonly requests: OpenRequests;
}

async function closeListener({ app, requests }: Listener): Promise<void> {
  // A connection whose answer ends after the close began stays open, idle; those are closed as they appear.
  const timer = setInterval(() => app.server.closeIdleConnections(), idleSweepMs);
  const closed = app.close().finally(() => clearInterval(timer));
  // One on which nothing was ever said does not count as idle.
  const spoken = pause(silentMs).then(() => requests.none());
  await Promise.race([closed, spoken]);
  app.server.closeAllConnections();
  await closed;
}

interface ModelWatch {
  readonly log: (message: string) => void;
  readonly onStep: OnStep;
}

/** In the base version that was served last; in the imported one where that cannot be. */
async function startLearner(
  name: string,
  config: Config,
  { log, onStep }: ModelWatch,
): Promise<ServedGenerator> {
  const { version, warning } = await baseToServe(config, name);
  if (warning !== null) log(warning);
  if (version === null) return startGenerator({ name }, config, log, onStep);
  try {
    return await startGenerator({ name, version }, config, log, onStep);
  } catch (error) {
    const isDamaged = error instanceof MillraceError && error.code.startsWith('version_');
    if (!isDamaged) throw error;
    log(`${name}: the imported base is served and not ${version}: ${error.message}`);
    return startGenerator({ name }, config, log, onStep);
  }
}

async function startModels(config: Config, view: StartView, watch: ModelWatch): Promise<ServedModel[]> {
  const models: ServedModel[] = [];
  const start = async (name: string, begin: (name: string) => Promise<ServedModel>): Promise<void> => {
    await ensureImported(name, config);
    models.push(await view.stage(`verifying and loading ${name}`, () => begin(name)));
  };
  try {
    if (config['models.default'] === nullModelName) models.push(createNullModel(config['engine.maxContext']));
    else await start(config['models.default'], (name) => startLearner(name, config, watch));
    const embeddings = config['models.embeddings'];
    if (embeddings !== '') await start(embeddings, (name) => startEmbedder(name, config, watch.log));
    return models;
  } catch (error) {
    await Promise.all(models.map((model) => closeModel(model)));
    throw error;
  }
}

function createSwap(
  config: Config,
  { catalogue, cpu, requests, telemetry, log }: SwapNeeds,
): (rollout: BaseSwapParts['rollout']) => BaseSwap {
  return (rollout) =>
    new BaseSwap({
      catalogue: {
        get: catalogue.get,
        replace(model) {
          catalogue.replace(model);
          cpu.apply();
        },
      },
      rollout,
      start: (lender, version) =>
        startGenerator({ name: lender.id, version, lender }, config, log, telemetry.onStep),
      requestsEnded: () => requests.ended(),
      drainMs: config['limits.requestMs'],
      log,
      onSwap: (move) => telemetry.learning.onBaseMove(move),
    });
}

interface SwapNeeds {
  readonly catalogue: ReplaceableCatalogue;
  readonly cpu: SharedCpu;
  readonly requests: OpenRequests;
  readonly telemetry: Pick<Telemetry, 'learning' | 'onStep'>;
  readonly log: (message: string) => void;
}

/** Throws whatever keeps the server from serving; nothing is left running then. */
export async function startServer(config: Config, view: StartView): Promise<RunningServer> {
  keepRequestsYoung();
  const logger = createLogger(config['log.level']);
  const warn = (message: string): void => logger.warn(message);
  const info = (message: string): void => logger.info(message);
  for (const problem of openListeners(config)) warn(problem);
  const catalogue = createCatalogue([]);
  const requests = new OpenRequests();
  let learning: Learning | null = null;
  let cluster: Cluster | null = null;
  const telemetry = await openTelemetry(config, {
    catalogue,
    learning: () => learning,
    cluster: () => {
      const isUp = cluster?.isUp() ?? null;
      const replica = learning?.replica ?? null;
      if (isUp === null) return null;
      if (replica === null) return { isUp, isLeader: null };
      return { isUp, isLeader: replica.isLeader(), logs: replica.logs(), replicas: replica.all() };
    },
    warn,
  });
  const { metrics, tracing, onStep } = telemetry;
  const readiness = { draining: false };
  const listeners: Listener[] = [];
  const closeModels = async (): Promise<void> => {
    await Promise.all(catalogue.list().map((model) => closeModel(model)));
  };
  const close = async (): Promise<void> => {
    // The operator's listener last: whoever watches the end can do so until it comes.
    for (const listener of listeners) await closeListener(listener);
    await learning?.close();
    await closeModels();
    await cluster?.close();
    await telemetry.close();
  };
  const drain = async (): Promise<void> => {
    readiness.draining = true;
    await pause(config['server.drainDelayMs']);
    // Whoever has connected by now is let in: a turn of the event loop empties the listener's queue.
    for (let turn = 0; turn < 2; turn++) await nextTurn();
    await close();
  };
  try {
    cluster = openCluster(config, { metrics: metrics.cluster, info, warn });
    for (const model of await startModels(config, view, { log: warn, onStep })) catalogue.replace(model);
    const cpu = new SharedCpu(() => {
      const model = catalogue.get(config['models.default']);
      return model?.kind === 'generator' ? model.engine : null;
    });
    const baseMoves = createSwap(config, { catalogue, cpu, requests, telemetry, log: info });
    const serving = { catalogue, baseMoves, cpu, watch: telemetry.learning, cluster };
    learning = await startLearning(config, serving, { info, warn });
    const options: AppOptions = {
      models: catalogue,
      limits: limitsOf(config),
      keys: config['auth.keys'],
      keyLimits: cluster.keyLimits,
      clock: systemClock,
      metrics,
      tracing,
      logger,
      readiness,
      learning,
    };
    const [app, admin] = [await createApp(options), await createAdminApp(options)];
    listeners.push({ app, requests }, { app: admin, requests: new OpenRequests() });
    for (const listener of listeners) listener.requests.watch(listener.app.server);
    const url = await listen(app, config['server.host'], config['server.port']);
    const adminUrl = await listen(admin, config['admin.host'], config['admin.port']);
    return { url, adminUrl, models: catalogue.list(), close: drain, cutOff: closeModels };
  } catch (error) {
    await close();
    throw error;
  }
}
