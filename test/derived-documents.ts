/** The documents that follow from declarations in the code, as they must be. */
import { errorCodes, errorTemplate } from '../core/errors.ts';
import { configurationDocument, configurationSchema } from '../server/config/describe.ts';

function errorsDocument(): string {
  const rows = errorCodes.map((code) => `| \`${code}\` | ${errorTemplate(code).replaceAll('\n', ' ')} |`);
  return `# Errors

Generated from \`core/errors.ts\` by \`npm run docs\`; a test keeps it up to date.

Every failure has one of these codes. Over HTTP it arrives as OpenAI's \`{"error": {message, type, param, code}}\`, on the
command line as one line on stderr with exit code 1 (2 for a wrong use of the command). Words in braces are filled in.

| code | message |
|---|---|
${rows.join('\n')}
`;
}

/** File name in docs/ → text. */
export function derivedDocuments(): Readonly<Record<string, string>> {
  return {
    'configuration.md': configurationDocument(),
    'configuration.schema.json': `${JSON.stringify(configurationSchema(), null, 2)}\n`,
    'errors.md': errorsDocument(),
  };
}
