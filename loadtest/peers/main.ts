/** Millrace beside its peers on this machine; `npm run bench:peers` installs them and runs this. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureAlone } from './alone.ts';
import { compare, medianOf, prepareSubjects } from './compare.ts';
import { measureCurves } from './curves.ts';
import { interference, prefill, throughput } from './measures.ts';
import { writeReport } from './report.ts';
import { type RunningServer, type ServerCommand, startServer } from './server.ts';
import { type Installation, llamaServer, millrace, openVino } from './servers.ts';

const { values } = parseArgs({
  options: {
    'peers-dir': { type: 'string' },
    'models-dir': { type: 'string' },
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    'fp32-model': { type: 'string' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    port: { type: 'string', default: '9400' },
    out: { type: 'string', default: 'docs/benchmarks' },
    peers: { type: 'string', default: 'llama-q8,llama-q4,openvino' },
    'no-curves': { type: 'boolean', default: false },
  },
});

const say = (text: string): void => console.error(text);

async function main(): Promise<void> {
  const { 'peers-dir': peersDir, 'models-dir': modelsDir } = values;
  if (peersDir === undefined || modelsDir === undefined)
    throw new Error('--peers-dir and --models-dir are needed.');
  const at: Installation = {
    peersDir,
    modelsDir,
    threads: Number(values.threads),
    firstPort: Number(values.port),
  };
  const running: RunningServer[] = [];
  try {
    const commands = [
      millrace(at, values.model, 0),
      ...peersOf(values.peers).map((start, index) => start(at, 1 + index)),
    ];
    if (values['fp32-model'] !== undefined) commands.push(millrace(at, values['fp32-model'], 8));
    for (const command of commands) {
      say(`starting ${command.name}`);
      running.push(await startServer(command));
    }
    await measure(running, at);
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
}

type Start = (at: Installation, index: number) => ServerCommand;

const knownPeers: Readonly<Record<string, Start>> = {
  'llama-q8': (at, index) => llamaServer(at, 'Q8_0', index),
  'llama-q4': (at, index) => llamaServer(at, 'Q4_1', index),
  openvino: openVino,
};

function peersOf(list: string): Start[] {
  return list.split(',').map((name) => {
    const start = knownPeers[name];
    if (start !== undefined) return start;
    throw new Error(`--peers names "${name}"; known are ${Object.keys(knownPeers).join(', ')}.`);
  });
}

async function measure(running: readonly RunningServer[], at: Installation): Promise<void> {
  const subjects = await prepareSubjects(running);
  const measures = [throughput(16), throughput(8), throughput(4), throughput(1), prefill(512), interference];
  const samples = await compare(subjects, {
    measures,
    rounds: Number(values.rounds),
    onSample: ({ measure: name, server, round, value }) =>
      say(`round ${round + 1}: ${server}: ${name}: ${value.toFixed(2)}`),
  });
  const curves = values['no-curves'] ? [] : await measureCurves(subjects, say);
  const servers = running.map((server) => ({
    name: server.name,
    command: server.command,
    memoryMb: server.peakMemoryMb(),
  }));
  // The others rest meanwhile, but hold memory and a few threads: they go first.
  await Promise.all(running.map((server) => server.stop()));
  say('Millrace alone: memory, clients that leave');
  const alone = await measureAlone(at, values.model);
  const date = new Date().toISOString().slice(0, 10);
  const folder = join(values.out, date);
  await writeReport(folder, {
    date,
    ours: running[0]!.name,
    servers,
    alone,
    measures,
    samples,
    curves,
  });
  for (const { name } of measures) {
    console.log(name, running.map((each) => medianOf(samples, name, each.name)?.toFixed(2)).join('  '));
  }
  console.log(`Written to ${folder}.`);
}

try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
