/** Short answers over HTTP with autocannon: what a server itself costs, without streams. */
import autocannon from 'autocannon';
import type { Target } from './client.ts';

export interface GatewayFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly numAnswered: number;
  /** 429 and 503. */
  readonly numRefused: number;
  readonly numFailed: number;
}

export interface GatewayLoad {
  readonly target: Target;
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second that are sent; null is as many as are answered. */
  readonly rate: number | null;
}

export async function measureGateway({
  target,
  connections,
  seconds,
  rate,
}: GatewayLoad): Promise<GatewayFigures> {
  const { url, model, apiKey } = target;
  const result = await autocannon({
    url: new URL(`${url.pathname.replace(/\/$/, '')}/completions`, url).href,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({ model, max_tokens: 1, prompt: 'hello' }),
    connections,
    duration: seconds,
    timeout: 10,
    ...(rate === null ? {} : { overallRate: rate }),
  });
  const numOf = (status: `${number}`): number => result.statusCodeStats?.[status]?.count ?? 0;
  const [numAnswered, numRefused] = [numOf('200'), numOf('429') + numOf('503')];
  return {
    requestsPerSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    numAnswered,
    numRefused,
    // Time-outs are among the errors.
    numFailed: result['2xx'] + result.non2xx + result.errors - numAnswered - numRefused,
  };
}
