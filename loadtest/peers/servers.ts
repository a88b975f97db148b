/** How each server is started: every one with the settings that are best for it on two cores. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServerCommand } from './server.ts';

export interface Installation {
  /** Folder with env/ (OpenVINO GenAI), llama/bin/ and models/, made by scripts/peers.mjs. */
  readonly peersDir: string;
  /** Millrace's models folder. */
  readonly modelsDir: string;
  readonly threads: number;
  readonly firstPort: number;
}

const program = fileURLToPath(new URL('../../server/cli/millrace.js', import.meta.url));
/** Python source stays beside this file's source, not in dist/. */
const shim = fileURLToPath(new URL('../../../loadtest/peers/openvino_server.py', import.meta.url));
const maxParallel = 32;
const contextTokens = 4096;

export function millrace(
  at: Installation,
  model: string,
  index: number,
  more: Readonly<Record<string, number | string>> = {},
): ServerCommand {
  const port = at.firstPort + 2 * index;
  const options = {
    'models-dir': at.modelsDir,
    model,
    port,
    'admin-port': port + 1,
    'engine-max-context': contextTokens,
    'engine-max-slots': maxParallel,
    // What no peer has: it takes a process of its own, and memory.
    'learning-mode': 'off',
    'models-embeddings': '',
    'log-level': 'error',
    ...more,
  };
  return {
    name: `Millrace ${model}`,
    program: process.execPath,
    args: [program, 'serve', ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, `${value}`])],
    env: {},
    port,
    model,
    readyPath: '/health/ready',
  };
}

export function llamaServer(
  at: Installation,
  format: 'Q8_0' | 'Q4_1',
  index: number,
  flash = true,
): ServerCommand {
  const port = at.firstPort + 2 * index;
  const bin = join(at.peersDir, 'llama', 'bin');
  const options = {
    '-m': join(at.peersDir, 'models', `${format}.gguf`),
    '--host': '127.0.0.1',
    '--port': port,
    '-t': at.threads,
    '-tb': at.threads,
    '-np': maxParallel,
    '-c': maxParallel * contextTokens,
    '-fa': flash ? 'on' : 'off',
  };
  return {
    name: `llama-server ${format}${flash ? '' : ' without flash attention'}`,
    program: join(bin, 'llama-server'),
    args: [...Object.entries(options).flatMap(([key, value]) => [key, `${value}`]), '--no-webui'],
    env: { LD_LIBRARY_PATH: bin },
    port,
    model: format,
    readyPath: '/health',
  };
}

export function openVino(at: Installation, index: number): ServerCommand {
  const port = at.firstPort + 2 * index;
  return {
    name: 'OpenVINO GenAI Q8_0',
    program: join(at.peersDir, 'env', 'bin', 'python'),
    args: [shim, join(at.peersDir, 'models', 'Q8_0.gguf'), `${port}`, `${at.threads}`],
    env: {},
    port,
    model: 'Q8_0',
    readyPath: '/health',
  };
}
