/** Texts under names, there for all replicas, for a while. */
export interface Shelf {
  put(name: string, text: string, keepMs: number): Promise<void>;
  /** Null when there is none, or not any more. */
  get(name: string): Promise<string | null>;
}
