import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../../../core/errors.ts';
import { calibrationText } from '../../../core/import/calibration-text.ts';
import { openVersion } from '../../../core/registry/open-version.ts';
import { loadTokenizer } from '../../../core/tokenizer/load.ts';
import { startConfiguredEngine } from '../../engine.ts';
import { type Command, integerOption, UsageError } from '../command.ts';
import { perplexityOf } from '../perplexity.ts';
import { configOf } from '../settings.ts';

const maxTextBytes = 64 * 2 ** 20;

async function readText(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile()) throw new UsageError(`No text file at ${path}.`);
  if (found.size > maxTextBytes) throw new UsageError(`${path} is larger than ${maxTextBytes} bytes.`);
  return readFile(path, 'utf8');
}

async function loadVersionTokenizer(folder: string) {
  const [tokenizerJson, tokenizerConfig] = await Promise.all(
    ['tokenizer.json', 'tokenizer_config.json'].map(async (file) =>
      JSON.parse(await readFile(join(folder, file), 'utf8')),
    ),
  );
  return loadTokenizer({ tokenizerJson, tokenizerConfig });
}

export const perplexityCommand: Command = {
  summary: 'Measure how well a version predicts a text, through the serving engine',
  usage: '[version] --text <file> [options]',
  details: `Windows do not overlap; each starts without context, and its first token is not scored.
`,
  positionals: { min: 0, max: 1 },
  options: {
    text: { value: 'file', description: 'UTF-8 text [a short built-in one].' },
    window: { value: 'tokens', description: 'Length of a window [256].' },
    'max-tokens': { value: 'tokens', description: 'Score no more of the text than this [all].' },
  },
  async run(invocation) {
    const { values } = configOf(invocation);
    const { terminal, options } = invocation;
    const window = integerOption(invocation, 'window', { min: 2, max: 131_072, otherwise: 256 });
    const maxTokens = integerOption(invocation, 'max-tokens', { min: 2, max: 1e9, otherwise: 1e9 });
    const text = options.text === undefined ? calibrationText : await readText(options.text);
    const { folder, manifest } = await openVersion(
      values['models.dir'],
      invocation.positionals[0] ?? values['models.default'],
    );
    if (manifest.kind !== 'decoder')
      throw new MillraceError('invalid_argument', { message: 'Only a decoder predicts text.' });
    const tokenizer = await loadVersionTokenizer(folder);
    const tokens = tokenizer
      .encode(text, { addSpecialTokens: false, allowSpecial: false })
      .slice(0, maxTokens);
    const engine = await terminal.stage('loading', () =>
      startConfiguredEngine({ folder, version: manifest.version }, values, (message) =>
        terminal.note(message),
      ),
    );
    try {
      const result = await perplexityOf({
        engine,
        tokens,
        windowTokens: Math.min(window, engine.maxContext - 1),
        onProgress: (done, total) => terminal.amount('scoring', { done, total, unit: 'tokens' }),
      });
      const { perplexity, standardError, numScored } = result;
      terminal.print(
        `perplexity ${perplexity.toFixed(4)} ± ${standardError.toFixed(4)} over ${numScored} tokens\n`,
      );
      return 0;
    } finally {
      await engine.close();
    }
  },
};
