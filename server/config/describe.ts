/** What the declaration says, as help text, document, schema and listing. */
import {
  type Config,
  environmentName,
  flagAliases,
  flagName,
  type SettingName,
  settingNames,
  settings,
} from './declaration.ts';
import type { LoadedConfig } from './load.ts';

const mask = '********';

function showDefault(name: SettingName): string {
  const value = settings[name].default;
  if (value === '') return 'empty';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** "--engine-max-slots" with its aliases. */
function flagNames(name: SettingName): readonly string[] {
  const aliases = Object.keys(flagAliases).filter(
    (alias) => flagAliases[alias] === name && alias !== flagName(name),
  );
  return [...aliases, flagName(name)].map((flag) => `--${flag}`);
}

/** One line per setting for `--help`. */
export function settingsHelp(): string {
  const rows = settingNames.map((name) => {
    const { unit, description } = settings[name];
    const unitText = unit === null ? '' : ` ${unit}`;
    return [flagNames(name).join(', '), `${description} [${showDefault(name)}${unitText}]`] as const;
  });
  return rows.map(([flags, meaning]) => `  ${flags}\n      ${meaning}`).join('\n');
}

/** docs/configuration.md as it must be. */
export function configurationDocument(): string {
  const rows = settingNames.map((name) => {
    const { type, unit, limits, description, secret } = settings[name];
    const kind = [type, unit === null ? null : `in ${unit}`].filter((part) => part !== null).join(', ');
    const meaning = secret ? `${description} Masked by \`millrace config\`.` : description;
    return `| \`${name}\` | ${kind} | ${showDefault(name)} | ${limits ?? ''} | ${meaning} |`;
  });
  return `# Configuration

Generated from \`server/config/declaration.ts\` by \`npm run docs\`; a test keeps it up to date.

Four layers, the later the stronger: defaults, one YAML file (\`./millrace.yaml\`, or the one named by \`--config\` or
\`MILLRACE_CONFIG\`), environment variables, flags. \`millrace config\` prints the effective values, each with its source.
An unknown name is an error, and all problems are listed at once.

\`engine.maxSlots\` is \`engine: { maxSlots: 8 }\` in the file, \`${environmentName('engine.maxSlots')}=8\` in the environment and
\`--${flagName('engine.maxSlots')} 8\` as a flag. Sizes in bytes may be written with KiB, MiB or GiB. A key's hash for \`auth.keys\`:
\`printf %s "$KEY" | sha256sum\`.

| setting | type | default | limits | meaning |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** JSON Schema (2020-12) of the configuration file. */
export function configurationSchema(): Record<string, unknown> {
  const sections: Record<string, Record<string, unknown>> = {};
  for (const name of settingNames) {
    const [section, key] = name.split('.') as [string, string];
    sections[section] ??= {};
    sections[section][key] = {
      ...settings[name].schema,
      default: settings[name].default,
      description: settings[name].description,
    };
  }
  const properties = Object.fromEntries(
    Object.entries(sections).map(([section, keys]) => [
      section,
      { type: 'object', additionalProperties: false, properties: keys },
    ]),
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    additionalProperties: false,
    properties,
  };
}

function showValue(values: Config, name: SettingName): string {
  const value = values[name];
  const isEmpty = value === '' || (Array.isArray(value) && value.length === 0);
  if (settings[name].secret && !isEmpty) return mask;
  return typeof value === 'string' ? JSON.stringify(value) : String(Array.isArray(value) ? '[]' : value);
}

/** The effective configuration, one aligned line per setting: name, value, source. Secrets are masked. */
export function effectiveListing(config: LoadedConfig): string {
  const rows = settingNames.map((name) => {
    const source = config.sources[name];
    return [
      name,
      showValue(config.values, name),
      source === 'file' ? `file ${config.file}` : source,
    ] as const;
  });
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const valueWidth = Math.max(...rows.map(([, value]) => value.length));
  return rows
    .map(([name, value, source]) => `${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${source}`)
    .join('\n');
}
