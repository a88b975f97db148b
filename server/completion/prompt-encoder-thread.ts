/** The thread behind prompt-encoder.ts: a tokenizer, and nothing else. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import type { TokenizerFiles } from '../../core/tokenizer/tokenizer.ts';

export interface EncodeOptions {
  readonly addSpecialTokens: boolean;
  readonly allowSpecial: boolean;
}

export interface EncodeJob {
  readonly id: number;
  readonly texts: readonly string[];
  readonly options: EncodeOptions;
}

export interface EncodeAnswer {
  readonly id: number;
  readonly ids: number[][];
}

const tokenizer = loadTokenizer(workerData as TokenizerFiles);

parentPort!.on('message', ({ id, texts, options }: EncodeJob) => {
  const ids = texts.map((text) => tokenizer.encode(text, options));
  parentPort!.postMessage({ id, ids } satisfies EncodeAnswer);
});
