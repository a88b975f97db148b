/** Key-value pairs of a GGUF header, by the names of the specification; values are checked where they are used. */
export type GgufMetadata = Readonly<Record<string, unknown>>;
