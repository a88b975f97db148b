/** `node dist/loadtest/main.js --help`: one load against one server. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { measureAddedLatency } from './added-latency.ts';
import { createTarget } from './client.ts';
import { measureDisconnects } from './disconnects.ts';
import { measureGateway } from './gateway.ts';
import { measureInterference } from './interference.ts';
import { calibrate, runScenario, type Scenario } from './scenario.ts';
import { type Distribution, summarize } from './summary.ts';

const help = `Usage: node dist/loadtest/main.js [options]
  --url URL           API to load, default http://127.0.0.1:8080/v1
  --model NAME        model to ask for, default smollm2-135m-instruct
  --scenario NAME     load (default), interference, disconnects; against a server of --model null gateway (autocannon) or
                      added-latency (beside a bare server, at 1,000 requests per second, --rounds times --seconds each)
  --clients N         closed loop with N clients, default 16
  --rate R            instead: Poisson arrivals, R requests per second
  --prompt N          prompt tokens, default 128
  --output N          answer tokens, default 64
  --requests N        requests in all, default 64, at most 100000
  --seconds N         no new request after this, default 60, at most 3600
  --rounds N          default 6
  --seed N            default 1
  --ttft-target MS    for goodput, default 1000
  --tpot-target MS    for goodput, default 50
  --key KEY           API key
  --json FILE         write the figures as JSON
  --allow-remote      load a host other than this one
`;

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8080/v1' },
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    scenario: { type: 'string', default: 'load' },
    clients: { type: 'string', default: '16' },
    rate: { type: 'string' },
    prompt: { type: 'string', default: '128' },
    output: { type: 'string', default: '64' },
    requests: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
    'ttft-target': { type: 'string', default: '1000' },
    'tpot-target': { type: 'string', default: '50' },
    key: { type: 'string' },
    json: { type: 'string' },
    'allow-remote': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Requests per second that a gateway's latency is measured at. */
const gatewayRate = 1000;

async function main(): Promise<object> {
  const { hostname } = new URL(values.url);
  const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  if (!isLocal && !values['allow-remote']) {
    throw new Error(`${hostname} is not this machine. Add --allow-remote if you may load it.`);
  }
  const { url, model } = values;
  const target = createTarget({ url, model, ...(values.key === undefined ? {} : { apiKey: values.key }) });
  if (values.scenario === 'gateway') return gateway(target.url);
  if (values.scenario === 'added-latency') {
    const [rounds, seconds] = [whole('rounds', 100), whole('seconds', 3600)];
    return measureAddedLatency({ url: target.url, model, perSecond: gatewayRate, rounds, seconds });
  }
  const makePrompt = await calibrate(target);
  if (values.scenario === 'interference') {
    return measureInterference(target, makePrompt, {
      streams: 8,
      promptTokens: 1900,
      repeats: 3,
      seed: whole('seed', 2 ** 31),
    });
  }
  if (values.scenario === 'disconnects') {
    return measureDisconnects(target, makePrompt, {
      clients: whole('requests', 100_000),
      concurrency: whole('clients', 1024),
    });
  }
  const scenario: Scenario = {
    promptTokens: whole('prompt', 1e6),
    outputTokens: whole('output', 1e6),
    numRequests: whole('requests', 100_000),
    arrivals:
      values.rate === undefined
        ? { kind: 'closed', clients: whole('clients', 1024) }
        : { kind: 'poisson', perSecond: Number(values.rate) },
    maxMs: whole('seconds', 3600) * 1000,
    seed: whole('seed', 2 ** 31),
  };
  const targets = { ttftMs: Number(values['ttft-target']), tpotMs: Number(values['tpot-target']) };
  const summary = summarize(await runScenario(target, scenario, makePrompt), targets);
  console.log(`ok ${summary.numOk}, failed ${summary.numFailed}, ${summary.seconds.toFixed(1)} s`);
  console.log(
    `output ${summary.outputTokensPerSecond.toFixed(1)} tokens/s, all ${summary.totalTokensPerSecond.toFixed(1)}`,
  );
  console.log(`goodput ${summary.goodputPerSecond.toFixed(2)} requests/s`);
  console.log(row('time to first token', summary.ttft));
  console.log(row('between tokens', summary.interToken));
  console.log(row('whole request', summary.endToEnd));
  for (const error of summary.errors) console.log(`error: ${error}`);
  return summary;
}

/** Flat out for the throughput; then 1,000 requests per second for the latency. */
async function gateway(url: URL): Promise<object> {
  const seconds = Math.min(60, whole('seconds', 3600));
  const load = { url, model: values.model, connections: whole('clients', 1024), seconds };
  return {
    flatOut: await measureGateway({ ...load, rate: null }),
    at1000PerSecond: await measureGateway({ ...load, rate: gatewayRate }),
  };
}

function whole(
  name: 'clients' | 'prompt' | 'output' | 'requests' | 'rounds' | 'seconds' | 'seed',
  most: number,
): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`--${name} is ${values[name]}, expected a whole number from 1 to ${most}.`);
}

function row(name: string, { p50Ms, p95Ms, p99Ms }: Distribution): string {
  return `${name.padEnd(20)} p50 ${p50Ms.toFixed(1)} ms, p95 ${p95Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
}

if (values.help) {
  console.log(help);
} else {
  try {
    const figures = await main();
    if (values.scenario !== 'load') console.log(JSON.stringify(figures, null, 2));
    if (values.json !== undefined) await writeFile(values.json, JSON.stringify(figures, null, 2));
    process.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
