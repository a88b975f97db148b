// `npm run loadtest`: installs what is missing, builds, then asks a server questions with loads. Arguments go to loadtest/main.ts.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

prepare();
const program = join(root, 'dist', 'loadtest', 'main.js');
process.argv = [process.execPath, program, ...process.argv.slice(2)];
await import(pathToFileURL(program).href);
