/**
 * What the gateway itself costs, with autocannon: requests per second flat out, and the latency that it adds at a
 * steady 1,000 requests per second. Meant for a server started with `--model null`.
 */
import autocannon from 'autocannon';

export interface GatewayFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

export interface GatewayLoad {
  readonly url: URL;
  readonly model: string;
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second that are sent; null is as many as are answered. */
  readonly rate: number | null;
}

export async function measureGateway(options: GatewayLoad): Promise<GatewayFigures> {
  const { url, model, connections, seconds, rate } = options;
  const result = await autocannon({
    url: new URL(`${url.pathname.replace(/\/$/, '')}/completions`, url).href,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 1, prompt: 'hello' }),
    connections,
    duration: seconds,
    ...(rate === null ? {} : { overallRate: rate }),
  });
  return {
    requestsPerSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failed: result.non2xx + result.errors + result.timeouts,
  };
}
