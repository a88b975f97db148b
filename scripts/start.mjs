// `npm start`: installs what is missing, builds, then serves. Arguments go to `millrace serve`.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

prepare();
// npm signals only the shell that it started this in, which may end without passing the signal on.
if (process.env.npm_lifecycle_event === 'start') {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, 500).unref();
}

// The server runs in this very process: no relay stands between it and its signals.
const program = join(root, 'dist', 'server', 'cli', 'millrace.js');
process.argv = [process.execPath, program, 'serve', ...process.argv.slice(2)];
await import(pathToFileURL(program).href);
