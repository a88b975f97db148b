/** Where server and trainer meet on disk: every path below the folder that learning keeps its state in. */
import { join } from 'node:path';

export interface LearningLayout {
  /** Log of feedback; written by the server. */
  readonly feedback: string;
  /** Log of what became of each row; written by the trainer. */
  readonly fates: string;
  /** Log of versions that were published or refused; written by the trainer. */
  readonly versions: string;
  /** Versions of adapters, a folder each; written by the trainer, and by imports. */
  readonly adapters: string;
  /** What is served; written by the server. */
  readonly aliases: string;
  /** The server's own: stored responses, memory. */
  readonly responses: string;
  readonly memory: string;
  /** The trainer's own: base weights, its position, its replay buffer. */
  readonly trainer: string;
  /** Uploaded files and the jobs over them; jobs are asked for by the server and done by the trainer. */
  readonly files: string;
  readonly jobs: string;
}

export function learningLayout(folder: string): LearningLayout {
  const at = (name: string): string => join(folder, name);
  return {
    feedback: at('feedback'),
    fates: at('fates'),
    versions: at('versions'),
    adapters: at('adapters'),
    aliases: at('aliases.json'),
    responses: at('responses'),
    memory: at('memory'),
    trainer: at('trainer'),
    files: at('files'),
    jobs: at('jobs'),
  };
}

/** A line of the log of versions. */
export type VersionEvent =
  | {
      readonly type: 'published';
      readonly at: string;
      readonly adapter: string;
      readonly model: string;
      readonly tenant: string;
    }
  | {
      readonly type: 'refused';
      readonly at: string;
      readonly model: string;
      readonly tenant: string;
      readonly rows: readonly string[];
      /** Names of the checks that it failed. */
      readonly checks: readonly string[];
    };
