import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelConfig } from '../../../core/arch/config.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import type { ModelDescription } from '../../../core/import/import.ts';
import { openVersion } from '../../../core/registry/open-version.ts';
import type { Command } from '../command.ts';
import { configOf } from '../settings.ts';

type Facts = Readonly<Record<string, unknown>>;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

async function inspectCheckpoint(path: string): Promise<Facts> {
  const checkpoint = await openCheckpoint(path);
  try {
    const tensors = [...checkpoint.tensors.values()];
    const types: Record<string, number> = {};
    for (const { dtype } of tensors) types[dtype] = (types[dtype] ?? 0) + 1;
    const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    const size = megabytes(tensors.reduce((sum, { bytes }) => sum + bytes, 0));
    return { path, format: checkpoint.format, parameters, size, tensors: types, config: checkpoint.config };
  } finally {
    await checkpoint.close();
  }
}

/** "int8 static" or "int8 row" or "block 8", counted over layers, for each linear that was chosen by error. */
function choiceCounts({ choices }: ModelDescription): Facts {
  const counts: Record<string, Record<string, number>> = {};
  for (const { linear, chosen } of choices ?? []) {
    const format = [
      chosen.kind,
      'activation' in chosen ? chosen.activation.kind : '',
      'bits' in chosen ? chosen.bits : '',
    ]
      .filter((part) => part !== '')
      .join(' ');
    counts[linear] ??= {};
    counts[linear][format] = (counts[linear][format] ?? 0) + 1;
  }
  return counts;
}

async function inspectVersion(modelsDir: string, name: string): Promise<Facts> {
  const { folder, manifest } = await openVersion(modelsDir, name);
  const description: ModelDescription = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'));
  const { version, createdAt, source, quantization, files } = manifest;
  return {
    name,
    version,
    createdAt,
    source: `${source.name} (${source.format})`,
    quantization,
    choices: choiceCounts(description),
    files: Object.fromEntries(files.map(({ path, bytes }) => [path, megabytes(bytes)])),
    config: description.config satisfies ModelConfig,
  };
}

/** Nested facts as indented lines. */
function lines(facts: Facts, indent = ''): string[] {
  return Object.entries(facts).flatMap(([key, value]) => {
    if (typeof value !== 'object' || value === null) return [`${indent}${key}: ${String(value)}`];
    if (Array.isArray(value)) return [`${indent}${key}: ${value.join(', ')}`];
    return [`${indent}${key}:`, ...lines({ ...value }, `${indent}  `)];
  });
}

export const inspectCommand: Command = {
  summary: 'Say what a checkpoint or an imported version is, after checking it',
  usage: '<checkpoint or version> [options]',
  details: '',
  positionals: { min: 1, max: 1 },
  options: { json: { value: null, description: 'Print JSON.' } },
  async run(invocation) {
    const { values } = configOf(invocation);
    const target = invocation.positionals[0]!;
    const facts = existsSync(target)
      ? await inspectCheckpoint(target)
      : await inspectVersion(values['models.dir'], target);
    const text =
      invocation.options.json === undefined ? lines(facts).join('\n') : JSON.stringify(facts, null, 2);
    invocation.terminal.print(`${text}\n`);
    return 0;
  },
};
