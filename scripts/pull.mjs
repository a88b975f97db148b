// `npm run pull`: installs what is missing, builds, then fetches the default model without serving it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

prepare();
const program = join(root, 'dist', 'server', 'cli', 'millrace.js');
process.argv = [process.execPath, program, 'pull', ...process.argv.slice(2)];
await import(pathToFileURL(program).href);
