// `npm run bench:peers`: installs the peers, imports the model, then measures all of them beside each other.
// Needs Python 3 with pip, CMake and a C++ compiler; the first time takes about a quarter of an hour. Everything lies
// under var/peers (or --peers-dir); --install-only stops before measuring. Other arguments go to loadtest/peers/main.ts.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root } from './prepare.mjs';

const llamaPackage = 'llama-cpp-python==0.3.36';
const openVinoPackage = 'openvino-genai==2026.4.1.0';
const model = 'smollm2-135m-instruct';
const llamaTargets = ['llama-server', 'llama-quantize', 'llama-bench'];

const args = process.argv.slice(2);
const at = args.indexOf('--peers-dir');
const peersDir = resolve(at === -1 ? join(root, 'var', 'peers') : (args.splice(at, 2)[1] ?? ''));
const modelsDir = join(peersDir, 'millrace');

/** Runs to the end, its output on stderr; returns what it wrote to stdout. Ends this process if it fails. */
function step(label, command, commandArgs, cwd = peersDir) {
  process.stderr.write(`peers: ${label} …\n`);
  const result = spawnSync(command, commandArgs, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status === 0) return result.stdout;
  const why =
    result.error?.code === 'ENOENT' ? `${command} is not installed` : `${result.stderr ?? ''}`.slice(-4000);
  process.stderr.write(`peers: ${label} failed: ${why}\n`);
  process.exit(1);
}

const millrace = (label, ...rest) =>
  step(label, process.execPath, [
    join(root, 'dist', 'server', 'cli', 'millrace.js'),
    ...rest,
    `--models-dir=${modelsDir}`,
  ]);

function installModels() {
  const checkpoint = millrace('fetching the model', 'pull', model).trim();
  for (const format of ['int8', 'fp32']) {
    if (existsSync(join(modelsDir, format))) continue;
    millrace(`importing as ${format}`, 'import', checkpoint, `--name=${format}`, `--quantization=${format}`);
  }
  return checkpoint;
}

function installOpenVino() {
  const python = join(peersDir, 'env', 'bin', 'python');
  if (!existsSync(python)) step('making a Python environment', 'python3', ['-m', 'venv', 'env']);
  const packages = [openVinoPackage, 'scikit-build-core'];
  step('installing OpenVINO GenAI', python, ['-m', 'pip', 'install', '--quiet', ...packages]);
  return python;
}

/** llama.cpp, from the source that its Python binding's package carries. */
function installLlama(python) {
  const bin = join(peersDir, 'llama', 'bin');
  if (existsSync(join(bin, 'llama-server'))) return bin;
  const source = join(peersDir, 'llama');
  mkdirSync(source, { recursive: true });
  const noDependencies = ['--no-deps', '--no-binary', ':all:', '--no-build-isolation'];
  const download = ['-m', 'pip', 'download', '--quiet', ...noDependencies, '-d', source, llamaPackage];
  step('fetching the source of llama.cpp', python, download);
  const archive = readdirSync(source).find((name) => name.endsWith('.tar.gz'));
  step('unpacking it', 'tar', ['xzf', archive], source);
  const folder = join(source, archive.replace('.tar.gz', ''), 'vendor', 'llama.cpp');
  const off = ['LLAMA_CURL', 'LLAMA_OPENSSL', 'LLAMA_BUILD_TESTS', 'LLAMA_BUILD_EXAMPLES'];
  const options = ['CMAKE_BUILD_TYPE=Release', 'GGML_NATIVE=ON', ...off.map((name) => `${name}=OFF`)];
  step('configuring llama.cpp', 'cmake', ['-B', 'build', ...options.map((option) => `-D${option}`)], folder);
  const jobs = `-j${availableParallelism()}`;
  step(
    'building llama.cpp, about ten minutes',
    'cmake',
    ['--build', 'build', jobs, '--target', ...llamaTargets],
    folder,
  );
  symlinkSync(join(folder, 'build', 'bin'), bin);
  return bin;
}

/** The peers' own 8-bit and 4-bit files of the same weights. */
function quantize(checkpoint, bin) {
  const models = join(peersDir, 'models');
  mkdirSync(models, { recursive: true });
  const [q4, q8] = ['Q4_1', 'Q8_0'].map((format) => join(models, `${format}.gguf`));
  if (!existsSync(q4)) copyFileSync(checkpoint, q4);
  if (existsSync(q8)) return;
  step('making the Q8_0 file', join(bin, 'llama-quantize'), ['--allow-requantize', q4, q8, 'Q8_0']);
}

prepare();
mkdirSync(peersDir, { recursive: true });
const checkpoint = installModels();
quantize(checkpoint, installLlama(installOpenVino()));
if (args.includes('--install-only')) process.exit(0);
const program = join(root, 'dist', 'loadtest', 'peers', 'main.js');
const measured = ['--model', 'int8', '--fp32-model', 'fp32'];
process.argv = [
  process.execPath,
  program,
  '--peers-dir',
  peersDir,
  '--models-dir',
  modelsDir,
  ...measured,
  ...args,
];
await import(pathToFileURL(program).href);
