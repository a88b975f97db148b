/** What a command is: its words for help and its work. */
import type { Flags } from '../config/load.ts';
import type { Terminal } from './terminal.ts';

export interface Option {
  /** What stands for the value in help; null for a switch. */
  readonly value: string | null;
  readonly description: string;
}

/** What the command line said, checked against the command's declaration. */
export interface Invocation {
  readonly positionals: readonly string[];
  /** Values of the command's own options; a switch that was given has the value "true". */
  readonly options: Readonly<Record<string, string | undefined>>;
  /** Settings given as flags. */
  readonly flags: Flags;
  /** --config. */
  readonly configFile: string | null;
  readonly terminal: Terminal;
}

export interface Command {
  /** One line, without a full stop. */
  readonly summary: string;
  /** After "millrace <name>": "<checkpoint> [options]". */
  readonly usage: string;
  /** More lines of help. */
  readonly details: string;
  readonly positionals: { readonly min: number; readonly max: number };
  readonly options: Readonly<Record<string, Option>>;
  /** Resolves to the exit code. */
  run(invocation: Invocation): Promise<number>;
}

/** The command line was wrong: exit code 2 and a pointer to help. */
export class UsageError extends Error {}

/** Reads an option as an integer from `min` to `max`. Throws UsageError. */
export function integerOption(
  invocation: Invocation,
  name: string,
  limits: { readonly min: number; readonly max: number; readonly otherwise: number },
): number {
  const text = invocation.options[name];
  if (text === undefined) return limits.otherwise;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= limits.min && value <= limits.max) return value;
  throw new UsageError(`--${name} expects an integer from ${limits.min} to ${limits.max}, got "${text}".`);
}
