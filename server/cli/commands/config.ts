import { configurationSchema, effectiveListing } from '../../config/describe.ts';
import type { Command } from '../command.ts';
import { configOf } from '../settings.ts';

export const configCommand: Command = {
  summary: 'Print the effective configuration, each value with its source, secrets masked',
  usage: '[options]',
  details: '',
  positionals: { min: 0, max: 0 },
  options: {
    schema: { value: null, description: 'Print the JSON Schema of the configuration file instead.' },
  },
  async run(invocation) {
    const text =
      invocation.options.schema === undefined
        ? effectiveListing(configOf(invocation))
        : JSON.stringify(configurationSchema(), null, 2);
    invocation.terminal.print(`${text}\n`);
    return 0;
  },
};
