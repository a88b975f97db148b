/** From the words after the command's name to an invocation. Settings are flags of every command. */
import { parseArgs } from 'node:util';
import { flagAliases, flagName, type SettingName, settingNames } from '../config/declaration.ts';
import { didYouMean } from '../config/suggest.ts';
import { type Command, type Invocation, UsageError } from './command.ts';
import type { Terminal } from './terminal.ts';

const settingOfFlag: ReadonlyMap<string, SettingName> = new Map([
  ...settingNames.map((name) => [flagName(name), name] as const),
  ...Object.entries(flagAliases),
]);

/** Null: help was asked for. Throws UsageError. */
export function parseInvocation(
  command: Command,
  args: readonly string[],
  terminal: Terminal,
): Invocation | null {
  const switches = Object.entries(command.options).filter(([, option]) => option.value === null);
  const isSwitch = (name: string) => name === 'help' || switches.some(([each]) => each === name);
  const names = ['help', 'config', ...Object.keys(command.options), ...settingOfFlag.keys()];
  const { tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(
        names.map((name) => [name, { type: isSwitch(name) ? ('boolean' as const) : ('string' as const) }]),
      ),
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const options: Record<string, string> = {};
  const flags: Partial<Record<SettingName, string>> = {};
  let configFile: string | null = null;
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    if (token.name === 'help') return null;
    if (!names.includes(token.name))
      throw new UsageError(`Unknown option ${token.rawName}.${didYouMean(token.name, names)}`);
    if (isSwitch(token.name) !== (token.value === undefined))
      throw new UsageError(`${token.rawName} ${isSwitch(token.name) ? 'takes no' : 'needs a'} value.`);
    const value = token.value ?? 'true';
    const setting = settingOfFlag.get(token.name);
    if (Object.hasOwn(command.options, token.name)) options[token.name] = value;
    else if (setting === undefined) configFile = value;
    else flags[setting] = value;
  }
  const { min, max } = command.positionals;
  if (positionals.length < min || positionals.length > max)
    throw new UsageError(
      `Expected ${min === max ? min : `${min} to ${max}`} argument(s), got ${positionals.length}.`,
    );
  return { positionals, options, flags, configFile, terminal };
}
