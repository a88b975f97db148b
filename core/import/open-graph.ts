/** What calibration asks of a runtime; core has none of its own. */

/** A tensor on its way into or out of a graph. */
export interface HostTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

export interface OpenedGraph {
  /** The named outputs, or all; they are fp32. */
  run(
    feeds: Readonly<Record<string, HostTensor>>,
    outputs?: readonly string[],
  ): Promise<Readonly<Record<string, Float32Array>>>;
  close(): Promise<void>;
}

/** Loads the model file at `path`. */
export type OpenGraph = (path: string) => Promise<OpenedGraph>;
