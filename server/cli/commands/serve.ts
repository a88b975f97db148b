import { systemClock } from '../../../core/clock.ts';
import { startServer } from '../../main.ts';
import { createShutdown } from '../../shutdown.ts';
import type { Command } from '../command.ts';
import { configOf } from '../settings.ts';

/** What requests that are cut off get to be told so, and the engines to end. */
const cutOffMs = 3_000;

function curlLine(url: string, model: string): string {
  const body = JSON.stringify({
    model,
    stream: true,
    messages: [{ role: 'user', content: 'What is a mill race?' }],
  });
  return `curl -N ${url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`;
}

export const serveCommand: Command = {
  summary: "Serve the configured model over OpenAI's API",
  usage: '[options]',
  details: `A model that "millrace pull" knows is fetched and imported first when it is missing. SIGTERM or SIGINT lets running
requests finish; a second one ends at once.
`,
  positionals: { min: 0, max: 0 },
  options: {},
  async run(invocation) {
    const { values } = configOf(invocation);
    const { terminal } = invocation;
    const server = await startServer(values, terminal);
    const onSignal = createShutdown({
      clock: systemClock,
      drain: () => server.close(),
      drainMs: values['server.drainMs'],
      cutOff: () => server.cutOff(),
      cutOffMs,
      note: (text) => terminal.note(text),
      exit: (code) => process.exit(code),
    });
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    terminal.note(`serving ${server.url}/v1 (admin: ${server.adminUrl})`);
    terminal.note(`try: ${curlLine(server.url, values['models.default'])}`);
    // Listeners keep the process alive from here on; signals end it.
    return new Promise(() => {});
  },
};
