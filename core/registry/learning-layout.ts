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
  /** Places in logs up to which the server has read them. */
  readonly cursors: string;
  /** The server's own: stored responses, memory. */
  readonly responses: string;
  readonly memory: string;
  /** What was observed of versions that are on trial, and the log of what was decided. */
  readonly trials: string;
  readonly decisions: string;
  /** The trainer's own: base weights, its position, its replay buffer. */
  readonly trainer: string;
  /** Uploaded files and the jobs over them; jobs are asked for by the server and done by the trainer. */
  readonly files: string;
  readonly jobs: string;
  /** What the server asks the trainer for; see ../learning/consolidation-request.ts. */
  readonly requests: string;
}

export function learningLayout(folder: string): LearningLayout {
  const at = (name: string): string => join(folder, name);
  return {
    feedback: at('feedback'),
    fates: at('fates'),
    versions: at('versions'),
    adapters: at('adapters'),
    aliases: at('aliases.json'),
    cursors: at('cursors'),
    responses: at('responses'),
    memory: at('memory'),
    trials: at('trials'),
    decisions: at('decisions'),
    trainer: at('trainer'),
    files: at('files'),
    jobs: at('jobs'),
    requests: at('requests'),
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
    }
  /** Rows that were learned turned out to be planted: no version that has learned one is to be served. */
  | {
      readonly type: 'planted';
      readonly at: string;
      readonly model: string;
      readonly tenant: string;
      readonly rows: readonly string[];
    }
  /** The adapter was merged into the weights: what it was made on, with it, is the base version `version`. */
  | {
      readonly type: 'base';
      readonly at: string;
      readonly model: string;
      readonly tenant: string;
      readonly adapter: string;
      /** Digest, "sha256:…". */
      readonly version: string;
    }
  | {
      readonly type: 'base-refused';
      readonly at: string;
      readonly model: string;
      readonly tenant: string;
      readonly adapter: string;
      readonly reason: string;
      /** Names of the checks that it failed; none where it never came to a gate. */
      readonly checks: readonly string[];
    };
