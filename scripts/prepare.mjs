// What start and test share: the Node check, the installation and the build. Needs nothing but Node and npm.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const minNode = [20, 19];
const isTerminal = process.stderr.isTTY === true;

/** One line per stage on stderr; on a terminal the finished line replaces the started one. */
function stage(label, work) {
  process.stderr.write(isTerminal ? `\u001b[36m◌\u001b[0m ${label} …` : `millrace: ${label} …\n`);
  const startedMs = performance.now();
  const problem = work();
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const end = problem === null ? 'done' : 'failed';
  const mark = problem === null ? '\u001b[32m✔\u001b[0m' : '\u001b[31m✖\u001b[0m';
  const line = `${label} ${end} in ${seconds} s`;
  process.stderr.write(isTerminal ? `\r\u001b[2K${mark} ${line}\n` : `millrace: ${line}\n`);
  if (problem === null) return;
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}

/** Ends the process with a sentence when this Node is too old. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > minNode[0] || (major === minNode[0] && minor >= minNode[1])) return;
  process.stderr.write(
    `Millrace needs Node.js ${minNode.join('.')} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Install a current release from your package source or with a version manager, then run this again.\n',
  );
  process.exit(1);
}

/** Runs to the end; null when it worked, else what it printed. */
function attempt(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26, ...options });
  if (result.error) return `${command} could not be run: ${result.error.message}`;
  if (result.status === 0) return null;
  return (
    `${result.stdout ?? ''}${result.stderr ?? ''}`.trim() ||
    `${command} ended with ${result.status ?? result.signal}`
  );
}

function readPackages(path) {
  if (!existsSync(path)) return {};
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

/** Whether npm's record of what is installed holds every package of the lockfile; other platforms' are optional. */
function isInstalled() {
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(readPackages(join(root, 'package-lock.json')))
    .filter(([path, entry]) => path.startsWith('node_modules/') && !entry.optional)
    .every(([path, entry]) => installed[path] !== undefined && installed[path].version === entry.version);
}

/** `npm ci` when the lockfile asks for what node_modules lacks; install scripts never run. */
export function installMissing() {
  if (isInstalled()) return;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  stage('installing packages', () =>
    npm?.endsWith('.js')
      ? attempt(process.execPath, [npm, ...args])
      : attempt('npm', args, { shell: process.platform === 'win32' }),
  );
}

/** Compiles what changed into dist/. */
export function build() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  stage('building', () => attempt(process.execPath, [tsc, '-p', 'tsconfig.json']));
  // npx runs it by its first line.
  chmodSync(join(root, 'dist', 'server', 'cli', 'millrace.js'), 0o755);
}

export function prepare() {
  checkNode();
  installMissing();
  build();
}
