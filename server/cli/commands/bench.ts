import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command } from '../command.ts';
import { serverOf } from '../server-of.ts';

const loadtest = fileURLToPath(new URL('../../../loadtest/main.js', import.meta.url));

export const benchCommand: Command = {
  summary: 'Load a server and report tokens per second, time to first token, time per token',
  usage: '[model] [options] [-- load options]',
  details: `With --url, that server; else the configured one when it runs; else one started for the occasion.
Load options go to the load generator: "millrace bench -- --help" lists them, "-- --clients 4 --requests 32" is typical.
`,
  positionals: { min: 0, max: 64 },
  options: {
    url: { value: 'url', description: 'A running server, e.g. http://127.0.0.1:8080.' },
    key: { value: 'key', description: 'API key to send.' },
  },
  async run(invocation) {
    const [first, ...rest] = invocation.positionals;
    const model = first?.startsWith('-') ? undefined : first;
    const passed = model === undefined ? invocation.positionals : rest;
    if (passed.includes('--help')) return runLoadtest(['--help']);
    const server = await serverOf(invocation, model);
    try {
      const key = server.apiKey === null ? [] : ['--key', server.apiKey];
      const scenario = passed.includes('--scenario') ? [] : ['--scenario', 'load'];
      const target = ['--url', `${server.url}/v1`, '--model', server.model, ...key];
      return await runLoadtest([...target, ...scenario, ...passed]);
    } finally {
      await server.close();
    }
  },
};

/** A process of its own: the generator's timing must not suffer from what else happens here. */
function runLoadtest(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [loadtest, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
