/** A one-shot model in memory: what a batch host runs. */
export interface BatchSession<Input> {
  /** Length of a result, where all are equally long. */
  readonly resultSize: number | null;
  /** Tokens that an input may have. */
  readonly maxContext: number;
  /** The smallest input there is; running it warms the session up. */
  readonly probe: Input;
  /** One result per input, in order. */
  run(inputs: readonly Input[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

export interface BatchSessionOptions {
  /** A verified version folder. */
  readonly folder: string;
  readonly threads: number;
}
