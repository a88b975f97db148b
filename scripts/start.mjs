// `npm start`: installs what is missing, builds, then serves. Arguments go to `millrace serve`.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

prepare();
// The server runs in this very process, so that signals reach it without a relay.
const program = join(root, 'dist', 'server', 'cli', 'millrace.js');
process.argv = [process.execPath, program, 'serve', ...process.argv.slice(2)];
await import(pathToFileURL(program).href);
