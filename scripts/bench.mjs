// `npm run bench`: installs what is missing, builds, then loads a server. Arguments go to the load generator.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

prepare();
const program = join(root, 'dist', 'server', 'cli', 'millrace.js');
process.argv = [process.execPath, program, 'bench', '--', ...process.argv.slice(2)];
await import(pathToFileURL(program).href);
