#!/usr/bin/env node
/** The program `millrace`: finds the command, runs it, turns failures into one clear text and an exit code. */
import { systemClock } from '../../core/clock.ts';
import { MillraceError } from '../../core/errors.ts';
import { silenceRuntime } from '../config/silence-runtime.ts';
import { didYouMean } from '../config/suggest.ts';
import { programVersion } from '../program-version.ts';
import { type Command, UsageError } from './command.ts';
import { commandHelp, programHelp } from './help.ts';
import { parseInvocation } from './parse.ts';
import { createTerminal } from './terminal.ts';

// Before a command loads the runtime: nothing leaves the machine.
silenceRuntime();

/** Loaded when asked for, so that help does not pay for the engine. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./commands/serve.ts')).serveCommand,
  pull: async () => (await import('./commands/pull.ts')).pullCommand,
  import: async () => (await import('./commands/import.ts')).importCommand,
  inspect: async () => (await import('./commands/inspect.ts')).inspectCommand,
  chat: async () => (await import('./commands/chat.ts')).chatCommand,
  perplexity: async () => (await import('./commands/perplexity.ts')).perplexityCommand,
  bench: async () => (await import('./commands/bench.ts')).benchCommand,
  versions: async () => (await import('./commands/versions.ts')).versionsCommand,
  replicas: async () => (await import('./commands/replicas.ts')).replicasCommand,
  config: async () => (await import('./commands/config.ts')).configCommand,
};

const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

async function helpText(): Promise<string> {
  const entries = Object.entries(commands).map(
    async ([name, load]) => [name, (await load()).summary] as const,
  );
  return programHelp(await Promise.all(entries));
}

async function run(name: string | undefined, args: readonly string[]): Promise<number> {
  const terminal = createTerminal({ out: process.stdout, err: process.stderr }, systemClock);
  if (name === '--version') terminal.print(`${programVersion()}\n`);
  if (name === '--version') return exitCodes.done;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    terminal.print(await helpText());
    return name === undefined ? exitCodes.usage : exitCodes.done;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined)
    throw new UsageError(`Unknown command "${name}".${didYouMean(name, Object.keys(commands))}`);
  const command = await load();
  const invocation = parseInvocation(command, args, terminal);
  if (invocation !== null) return command.run(invocation);
  terminal.print(commandHelp(name, command));
  return exitCodes.done;
}

function report(error: unknown, name: string | undefined): number {
  if (error instanceof UsageError) {
    const known = name !== undefined && Object.hasOwn(commands, name) ? ` ${name}` : '';
    process.stderr.write(`${error.message}\nRun "millrace${known} --help" for what is possible.\n`);
    return exitCodes.usage;
  }
  if (error instanceof MillraceError) {
    process.stderr.write(`${error.message}\n`);
    return error.code === 'config_invalid' ? exitCodes.usage : exitCodes.failed;
  }
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  return exitCodes.failed;
}

const [name, ...args] = process.argv.slice(2);
process.exitCode = await run(name, args).catch((error: unknown) => report(error, name));
