/** Which traces are kept: of requests a share, or what came with them says; of work on versions, which is rare, all. */
import { SpanKind } from '@opentelemetry/api';
import {
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';

export function requestSampler(ratio: number): Sampler {
  const [share, all] = [new TraceIdRatioBasedSampler(ratio), new AlwaysOnSampler()];
  const root: Sampler = {
    shouldSample(context, traceId, name, kind, attributes, links) {
      const sampler: Sampler = kind === SpanKind.SERVER ? share : all;
      return sampler.shouldSample(context, traceId, name, kind, attributes, links);
    },
    toString: () => `requests by ${share.toString()}`,
  };
  return new ParentBasedSampler({ root });
}
