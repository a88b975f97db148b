import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { type Quantization, quantizations } from '../../../core/import/recipe.ts';
import { findPullable } from '../../pull/catalogue.ts';
import { type Command, UsageError } from '../command.ts';
import { fetchModel } from '../fetch-model.ts';
import { importModel } from '../import-model.ts';
import { configOf } from '../settings.ts';

/** "Qwen2.5-0.5B.Q8_0.gguf" → "qwen2.5-0.5b.q8_0". */
function defaultName(path: string): string {
  return basename(path)
    .replace(/\.gguf$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-');
}

function readQuantization(text: string): Quantization {
  const found = quantizations.find((each) => each === text);
  if (found !== undefined) return found;
  throw new UsageError(`--quantization expects one of ${quantizations.join(', ')}, got "${text}".`);
}

export const importCommand: Command = {
  summary: 'Turn a checkpoint into a version that can be served',
  usage: '<checkpoint or known model> [options]',
  details: `The checkpoint is a Hugging Face folder (config.json, *.safetensors, tokenizer.json) or a .gguf file. A model
that "millrace pull" knows is fetched first.
`,
  positionals: { min: 1, max: 1 },
  options: {
    name: { value: 'name', description: 'Name of the version [after the checkpoint].' },
    quantization: {
      value: quantizations.join('|'),
      description: 'How weights are stored [models.quantization].',
    },
  },
  async run(invocation) {
    const { values } = configOf(invocation);
    const { terminal, options } = invocation;
    const given = invocation.positionals[0]!;
    const quantization = readQuantization(options.quantization ?? values['models.quantization']);
    const isKnown = !existsSync(given) && findPullable(given) !== null;
    const path = isKnown
      ? await terminal.stage(`fetching ${given}`, () => fetchModel(given, values, terminal))
      : given;
    const name = options.name ?? (isKnown ? given : defaultName(path));
    const manifest = await terminal.stage(`importing ${name} as ${quantization}`, () =>
      importModel({
        path,
        name,
        modelsDir: values['models.dir'],
        quantization,
        threads: values['engine.threads'],
        onProgress: ({ stage, done, total }) => terminal.amount(stage, { done, total, unit: 'layers' }),
      }),
    );
    terminal.print(`${name} ${manifest.version}\n`);
    return 0;
  },
};
