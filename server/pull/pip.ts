/** Downloads a wheel through pip, which knows the machine's index, proxy and certificates. */
import { spawn } from 'node:child_process';

const versionMs = 10_000;
const maxOutput = 64 * 1024;

export type Installer = readonly [string, ...string[]];

/** The ways to call pip, in the order that is tried. */
export const installers: readonly Installer[] = [['python3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip']];

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** Runs to the end; code is null when it could not run, was aborted, or took too long. Keeps the output's end. */
function runToEnd(
  [command, ...args]: Installer,
  options: { readonly signal: AbortSignal; onLine?(line: string): void },
): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal: options.signal });
    let output = '';
    const take = (bytes: Buffer) => {
      const text = bytes.toString('utf8');
      output = (output + text).slice(-maxOutput);
      for (const line of text.split(/[\r\n]+/)) options.onLine?.(line);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ code: null, output: error.message }));
    child.on('close', (code) => resolve({ code, output }));
  });
}

/** The first installer that answers, with its [major, minor] version; null when none does. */
async function findPip(candidates: readonly Installer[], signal: AbortSignal) {
  for (const installer of candidates) {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(versionMs)]);
    const { code, output } = await runToEnd([...installer, '--version'], { signal: limited });
    const match = /^pip (\d+)\.(\d+)/m.exec(output);
    if (code === 0 && match !== null)
      return { installer, version: [Number(match[1]), Number(match[2])] as const };
  }
  return null;
}

export interface PipDownload {
  readonly requirement: string;
  readonly folder: string;
  readonly candidates: readonly Installer[];
  readonly signal: AbortSignal;
  onBytes(done: number, total: number): void;
}

/** False when there is no pip. Throws an Error with pip's last line when it fails. */
export async function pipDownload(options: PipDownload): Promise<boolean> {
  const found = await findPip(options.candidates, options.signal);
  if (found === null) return false;
  const [major, minor] = found.version;
  const hasRawProgress = major > 24 || (major === 24 && minor >= 1);
  const { code, output } = await runToEnd(
    [
      ...found.installer,
      ...['download', '--no-deps', '--only-binary', ':all:', '--disable-pip-version-check', '--no-input'],
      ...['--retries', '1', '--timeout', '10', '--progress-bar', hasRawProgress ? 'raw' : 'off'],
      ...['--dest', options.folder, options.requirement],
    ],
    {
      signal: options.signal,
      onLine(line) {
        const match = /^Progress (\d+) of (\d+)/.exec(line);
        if (match !== null) options.onBytes(Number(match[1]), Number(match[2]));
      },
    },
  );
  if (code === 0) return true;
  const lines = output.trim().split('\n');
  const error = lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? '';
  throw new Error(`pip: ${error.replace(/^ERROR: /, '').slice(0, 200)}`);
}
