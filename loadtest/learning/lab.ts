/** What a run of the benchmark has: one server at a time, and a limit on every measure. */

import { Deadline } from '../wait.ts';
import type { Fact } from './facts.ts';
import type { Lab } from './measure.ts';
import type { LearningServer, StartServer } from './server.ts';
import { allUnrelated } from './unrelated-prompts.ts';

export interface LabOptions {
  readonly facts: readonly Fact[];
  readonly maxMsPerMeasure: number;
  readonly numStreams: number;
  readonly startServer: StartServer;
  readonly say: (text: string) => void;
}

export interface RunningLab extends Lab {
  /** Of the last server that was started. */
  command(): string;
  /** What that server wrote on stderr, the last of it. */
  said(): string;
  /** Stops what runs. */
  close(): Promise<void>;
}

/** For one measure: its time begins now. A server that is started takes the place of the one before. */
export function openLab(options: LabOptions): RunningLab {
  const { facts, maxMsPerMeasure, numStreams, startServer, say } = options;
  let running: LearningServer | null = null;
  let command = '';
  let isClosed = false;
  const stopRunning = async (): Promise<void> => {
    await running?.stop();
    running = null;
  };
  return {
    facts,
    deadline: new Deadline(maxMsPerMeasure),
    background: { numClients: numStreams, prompts: allUnrelated, maxTokens: 96, seed: 11 },
    say,
    async start(tenant) {
      await stopRunning();
      const server = await startServer(tenant);
      running = server;
      command = server.command;
      if (!isClosed) return server;
      await stopRunning();
      throw new Error('the run was ended');
    },
    command: () => command,
    said: () => running?.said() ?? '',
    async close() {
      isClosed = true;
      await stopRunning();
    },
  };
}
