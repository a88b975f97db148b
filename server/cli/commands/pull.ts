import { pullableModels } from '../../pull/catalogue.ts';
import type { Command } from '../command.ts';
import { fetchModel } from '../fetch-model.ts';
import { configOf } from '../settings.ts';

const known = pullableModels.map((model) => `  ${model.name} (${model.license})`).join('\n');

export const pullCommand: Command = {
  summary: 'Fetch the checkpoint of a known model and print its path',
  usage: '[model] [options]',
  details: `Without a name: the model that the configuration serves. Known models:\n${known}\n`,
  positionals: { min: 0, max: 1 },
  options: {},
  async run(invocation) {
    const { values } = configOf(invocation);
    const name = invocation.positionals[0] ?? values['models.default'];
    const path = await invocation.terminal.stage(`fetching ${name}`, () =>
      fetchModel(name, values, invocation.terminal),
    );
    invocation.terminal.print(`${path}\n`);
    return 0;
  },
};
