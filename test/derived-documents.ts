/** The documents that follow from declarations in the code, as they must be. */
import { errorCodes, errorTemplate } from '../core/errors.ts';
import { configurationDocument, configurationSchema } from '../server/config/describe.ts';
import { httpErrors } from '../server/http/error-map.ts';
import { Metrics } from '../server/observability/metrics.ts';
import { vllmNames } from '../server/observability/vllm-names.ts';
import { valuesSchema } from './deploy/values-schema.ts';

function errorsDocument(): string {
  const rows = errorCodes.map((code) => {
    const { status, type, code: openAiCode } = httpErrors[code];
    const shown = openAiCode === null ? '' : `\`${openAiCode}\``;
    return `| \`${code}\` | ${status} | \`${type}\` | ${shown} | ${errorTemplate(code).replaceAll('\n', ' ')} |`;
  });
  return `# Errors

Generated from \`core/errors.ts\` and \`server/http/error-map.ts\` by \`npm run docs\`; a test keeps it up to date.

Every failure has one of these. Over HTTP it arrives with the status, as OpenAI's \`{"error": {message, type, param, code}}\`;
where waiting helps, \`retry-after\` says how long. On the command line it is a message on stderr with exit code 1
(2 for a wrong use of the command or a wrong configuration). Words in braces are filled in.

| failure | status | type | code | message |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

function metricsDocument(): string {
  const { described } = new Metrics({ engines: () => [] });
  const rows = described.map(({ name, type, labels, help }) => {
    const named = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${named} | ${help} |`;
  });
  const aliases = Object.entries(vllmNames).map(([alias, name]) => `| \`${alias}\` | \`${name}\` |`);
  return `# Metrics

Generated from \`server/observability/\` by \`npm run docs\`; a test keeps it up to date.

In Prometheus' text format at \`/metrics\` of the API and of the admin listener. Names follow OpenTelemetry's conventions where
they have one. Counters begin anew with the process, those of an engine with its host. How to use them, and traces:
[telemetry.md](telemetry.md).

| name | type | labels | meaning |
|---|---|---|---|
${rows.join('\n')}

## Under vLLM's names

With \`telemetry.vllmNames\` set to \`on\` these come as well, for dashboards that were made for vLLM; the label \`model\` is \`model_name\`
there. \`promtool check metrics\` refuses their colons.

| name | the same as |
|---|---|
${aliases.join('\n')}
`;
}

const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Path from the root → text. */
export async function derivedDocuments(): Promise<Readonly<Record<string, string>>> {
  return {
    'docs/configuration.md': configurationDocument(),
    'docs/configuration.schema.json': jsonText(configurationSchema()),
    'docs/errors.md': errorsDocument(),
    'docs/metrics.md': metricsDocument(),
    'helm/values.schema.json': jsonText(valuesSchema()),
  };
}
