/** Help texts from the declarations of commands and settings. */
import { settingsHelp } from '../config/describe.ts';
import type { Command } from './command.ts';

/** `entries` are names and summaries. */
export function programHelp(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  const lines = entries.map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Millrace serves language models over OpenAI's API.

usage: millrace <command> [options]

${lines.join('\n')}

"millrace <command> --help" explains one. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
`;
}

export function commandHelp(name: string, command: Command): string {
  const options = Object.entries(command.options).map(([option, { value, description }]) => {
    return `  --${option}${value === null ? '' : ` <${value}>`}\n      ${description}`;
  });
  return `usage: millrace ${name} ${command.usage}

${command.summary}.
${command.details}
options:
${[...options, '  --config <file>\n      Configuration file [./millrace.yaml when it exists].'].join('\n')}

settings (also from the file and the environment, see "millrace config"):
${settingsHelp()}
`;
}
