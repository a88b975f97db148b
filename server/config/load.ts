/**
 * Configuration from file, environment and flags, the later the stronger. Every problem of every layer is found
 * before anything is thrown. Knows the settings only through their declaration.
 */
import { readFileSync, statSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import { MillraceError } from '../../core/errors.ts';
import {
  adoptedVariables,
  type Config,
  environmentName,
  flagName,
  type SettingName,
  settingNames,
  settings,
} from './declaration.ts';
import { didYouMean } from './suggest.ts';

export const defaultFile = 'millrace.yaml';
const maxFileBytes = 2 ** 20;
/** Kubernetes sets these for a service called "millrace"; they are not ours. */
const foreignVariable = /^MILLRACE_(SERVICE|PORT)(_|$)/;

export type Source = 'default' | 'file' | 'environment' | 'flag';
export type Flags = Readonly<Partial<Record<SettingName, string>>>;

export interface LoadedConfig {
  readonly values: Config;
  readonly sources: Readonly<Record<SettingName, Source>>;
  /** The file that was read; null when there was none. */
  readonly file: string | null;
}

/** A value as one layer gave it, with the place for messages: "millrace.yaml: server.port". */
interface Given {
  readonly name: SettingName;
  readonly source: Source;
  readonly place: string;
  readonly raw: unknown;
}

interface Layer {
  readonly given: readonly Given[];
  readonly problems: readonly string[];
}

const isSetting = (name: string): name is SettingName => Object.hasOwn(settings, name);

const isSection = (name: string): boolean => settingNames.some((each) => each.startsWith(`${name}.`));

function* flatten(node: unknown, prefix: string): Generator<[string, unknown]> {
  if (node === null && isSection(prefix)) return;
  const isMapping = typeof node === 'object' && node !== null && !Array.isArray(node);
  if (!isMapping || isSetting(prefix)) {
    yield [prefix, node];
    return;
  }
  for (const [key, value] of Object.entries(node))
    yield* flatten(value, prefix === '' ? key : `${prefix}.${key}`);
}

function readYaml(path: string): { readonly tree: unknown; readonly problems: readonly string[] } {
  let source: string;
  try {
    if (statSync(path).size > maxFileBytes)
      return { tree: {}, problems: [`${path}: larger than ${maxFileBytes} bytes`] };
    source = readFileSync(path, 'utf8');
  } catch (error) {
    return {
      tree: {},
      problems: [`${path}: cannot be read: ${error instanceof Error ? error.message : error}`],
    };
  }
  const { tree, problems } = parseYaml(source);
  if (problems.length > 0) return { tree: {}, problems: problems.map((problem) => `${path}: ${problem}`) };
  if (typeof tree === 'object' && tree !== null && !Array.isArray(tree)) return { tree, problems };
  return { tree: {}, problems: [`${path}: expected a mapping of settings`] };
}

function parseYaml(source: string): { readonly tree: unknown; readonly problems: readonly string[] } {
  try {
    const document = parseDocument(source, { lineCounter: new LineCounter(), logLevel: 'error' });
    const problems = document.errors.map((error) => error.message.split('\n')[0]!);
    // An empty file is null.
    return problems.length > 0 ? { tree: {}, problems } : { tree: document.toJS() ?? {}, problems };
  } catch (error) {
    // Aliases that multiply, nesting without end: the parser throws at these.
    return { tree: {}, problems: [`cannot be used: ${error instanceof Error ? error.message : error}`] };
  }
}

function fileLayer(path: string): Layer {
  const { tree, problems: unreadable } = readYaml(path);
  const given: Given[] = [];
  const problems = [...unreadable];
  for (const [name, raw] of flatten(tree, '')) {
    const place = `${path}: ${name}`;
    if (isSetting(name)) given.push({ name, source: 'file', place, raw });
    else problems.push(`${place}: unknown setting.${didYouMean(name, settingNames)}`);
  }
  return { given, problems };
}

function environmentLayer(environment: Readonly<Record<string, string | undefined>>): Layer {
  const byVariable = new Map(settingNames.map((name) => [environmentName(name), name]));
  const given = Object.entries(adoptedVariables).flatMap(([variable, name]): Given[] => {
    const raw = environment[variable];
    return raw === undefined ? [] : [{ name, source: 'environment', place: variable, raw }];
  });
  const problems: string[] = [];
  for (const [variable, raw] of Object.entries(environment)) {
    if (!variable.startsWith('MILLRACE_') || foreignVariable.test(variable) || raw === undefined) continue;
    const name = byVariable.get(variable);
    if (name !== undefined) given.push({ name, source: 'environment', place: variable, raw });
    else if (variable !== 'MILLRACE_CONFIG')
      problems.push(`${variable}: unknown variable.${didYouMean(variable, [...byVariable.keys()])}`);
  }
  return { given, problems };
}

function flagLayer(flags: Flags): Layer {
  const given = settingNames
    .filter((name) => flags[name] !== undefined)
    .map((name) => ({ name, source: 'flag' as const, place: `--${flagName(name)}`, raw: flags[name] }));
  return { given, problems: [] };
}

/** The file to read: named by flag, by MILLRACE_CONFIG, or ./millrace.yaml when it exists. */
function chooseFile(options: LoadOptions): string | null {
  const named = options.file ?? options.environment.MILLRACE_CONFIG;
  if (named !== undefined) return named;
  return statSync(defaultFile, { throwIfNoEntry: false })?.isFile() ? defaultFile : null;
}

export interface LoadOptions {
  /** --config; it must exist when given. */
  readonly file?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly flags: Flags;
}

/** The effective configuration. Throws config_invalid that lists every problem of every layer. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const file = chooseFile(options);
  const layers = [
    ...(file === null ? [] : [fileLayer(file)]),
    environmentLayer(options.environment),
    flagLayer(options.flags),
  ];
  const problems = layers.flatMap((layer) => layer.problems);
  const values = new Map<SettingName, unknown>(settingNames.map((name) => [name, settings[name].default]));
  const sources = new Map<SettingName, Source>(settingNames.map((name) => [name, 'default']));
  for (const { name, source, place, raw } of layers.flatMap((layer) => layer.given)) {
    const parsed = settings[name].parse(raw);
    if ('problem' in parsed) problems.push(`${place}: ${parsed.problem}`);
    else {
      values.set(name, parsed.value);
      sources.set(name, source);
    }
  }
  if (problems.length > 0) {
    const list = problems.map((problem) => `  - ${problem}`).join('\n');
    throw new MillraceError('config_invalid', { count: problems.length, problems: list });
  }
  return {
    values: Object.fromEntries(values) as Config,
    sources: Object.fromEntries(sources) as Record<SettingName, Source>,
    file,
  };
}
