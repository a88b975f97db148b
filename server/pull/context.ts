/** What a pull is given, and what it gives to each source. */
import type { Installer } from './pip.ts';
import type { Progress } from './progress.ts';

export interface PullOptions {
  /** A name of the catalogue. */
  readonly name: string;
  readonly modelsDir: string;
  readonly hubUrl: string;
  readonly connectMs: number;
  readonly timeoutMs: number;
  /** Empty: no direct access to a package index. */
  readonly indexUrl: string;
  readonly installers: readonly Installer[];
  readonly progress: Progress;
}

/** What a source needs; `folder` is empty and private to this attempt. */
export interface PullContext extends PullOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
}
