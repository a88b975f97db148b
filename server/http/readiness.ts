/** Whether new requests are wanted: what load balancers ask, and connections are told. */

export interface Readiness {
  /** Set when the server is being shut down; it stays so. */
  draining: boolean;
}

/** Headers of an answer. While draining it is the last on its connection: the client's next request opens one elsewhere. */
export const farewell = ({ draining }: Readiness): Readonly<Record<string, string>> =>
  draining ? { connection: 'close' } : {};
