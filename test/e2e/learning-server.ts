/** The real program with its trainer, over a folder that outlives it. */
import type { ChildProcess } from 'node:child_process';
import { serve } from './program.ts';

const startMs = 30_000;
const waitMs = 30_000;

export interface LearningServer {
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** All that it has said so far. */
  said(): string;
  get<T>(path: string): Promise<T>;
  /** Throws with the answer when it is refused. */
  post<T>(path: string, body: object): Promise<T>;
  /** Resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Resolves when it serves. */
export async function serveLearning(args: readonly string[]): Promise<LearningServer> {
  const { child, url, adminUrl, said } = await serve(['--port', '0', '--admin-port', '0', ...args], {
    startMs,
  });
  return { url, adminUrl, pid: child.pid!, said, ...callsTo(adminUrl), kill: killerOf(child) };
}

function callsTo(adminUrl: string): Pick<LearningServer, 'get' | 'post'> {
  const call = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const answer = await fetch(`${adminUrl}${path}`, { ...init, signal: AbortSignal.timeout(waitMs) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const headers = { 'content-type': 'application/json' };
  return {
    get: (path) => call(path),
    post: (path, body) => call(path, { method: 'POST', headers, body: JSON.stringify(body) }),
  };
}

const killerOf = (child: ChildProcess) => async (signal: NodeJS.Signals) => {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await gone;
};

/** The first answer that is neither null nor false. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  ask: () => T | null | false | Promise<T | null | false>,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (performance.now() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
