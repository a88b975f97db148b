/**
 * Brings adapters into a running engine in small parts: a piece of the file is read and digested, or a layer copied,
 * between two steps, so that no running sequence waits for it.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { AdapterSource, StepEngine } from '../batching/engine.ts';

const pieceBytes = 256 * 1024;
/** What a step may be held up by it. */
const maxPartMs = 0.5;
const maxAdapterBytes = 2 ** 30;

interface Staging {
  readonly id: string;
  readonly advance: () => boolean;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

export class AdapterLoader {
  private readonly engine: Pick<StepEngine, 'stageAdapter'>;
  private readonly wake: () => void;
  private readonly nowMs: () => number;
  private readonly staging: Staging[] = [];

  /** `wake` is called when there is something to advance. */
  constructor(engine: Pick<StepEngine, 'stageAdapter'>, wake: () => void, nowMs: () => number) {
    this.engine = engine;
    this.nowMs = nowMs;
    this.wake = wake;
  }

  get isBusy(): boolean {
    return this.staging.length > 0;
  }

  /** Resolves when the adapter is complete in the engine. Throws what is wrong with the file, and what the engine throws. */
  async load(source: AdapterSource): Promise<void> {
    const advance = this.engine.stageAdapter(source.id, await readVerified(source));
    await new Promise<void>((done, fail) => {
      this.staging.push({ id: source.id, advance, done, fail });
      this.wake();
    });
  }

  /** Does a part of the work; call it between steps. */
  advance(): void {
    const first = this.staging[0];
    if (first === undefined) return;
    const untilMs = this.nowMs() + maxPartMs;
    try {
      while (!first.advance()) if (this.nowMs() >= untilMs) return;
      first.done();
    } catch (error) {
      first.fail(error);
    }
    this.staging.shift();
  }
}

async function readVerified({ path, sha256 }: AdapterSource): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > maxAdapterBytes) throw new Error(`it has ${size} bytes, at most ${maxAdapterBytes} are read`);
    const bytes = new Uint8Array(size);
    const digest = createHash('sha256');
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(bytes, at, Math.min(pieceBytes, size - at), at);
      if (bytesRead === 0) throw new Error('it became shorter while it was read');
      digest.update(bytes.subarray(at, at + bytesRead));
      at += bytesRead;
    }
    if (digest.digest('hex') !== sha256) throw new Error('its SHA-256 is not the expected one');
    return bytes;
  } finally {
    await file.close();
  }
}
