/** The documents that follow from declarations in the code, as they must be. */
import { errorCodes, errorTemplate } from '../core/errors.ts';
import { configurationDocument, configurationSchema } from '../server/config/describe.ts';
import { httpErrors } from '../server/http/error-map.ts';
import { Metrics } from '../server/observability/metrics.ts';

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

async function metricsDocument(): Promise<string> {
  const metrics = await new Metrics(() => []).registry.getMetricsAsJSON();
  const rows = metrics.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`);
  return `# Metrics

Generated from \`server/observability/metrics.ts\` by \`npm run docs\`; a test keeps it up to date.

In Prometheus' text format at \`/metrics\` of the API and of the admin listener. Names follow OpenTelemetry's conventions for
generative AI where it has one.

| name | type | meaning |
|---|---|---|
${rows.join('\n')}
`;
}

/** File name in docs/ → text. */
export async function derivedDocuments(): Promise<Readonly<Record<string, string>>> {
  return {
    'configuration.md': configurationDocument(),
    'configuration.schema.json': `${JSON.stringify(configurationSchema(), null, 2)}\n`,
    'errors.md': errorsDocument(),
    'metrics.md': await metricsDocument(),
  };
}
