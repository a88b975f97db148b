/** What traces and metrics of one server have in common: who sends them, and where to. */
import { randomUUID } from 'node:crypto';
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources';

export interface Sender {
  readonly serviceName: string;
  readonly serviceVersion: string;
}

/** Of this process, so that traces and metrics name one instance. */
const instanceId = randomUUID();

export function resourceOf({ serviceName, serviceVersion }: Sender): Resource {
  const own = resourceFromAttributes({
    'service.name': serviceName,
    'service.version': serviceVersion,
    'service.instance.id': instanceId,
  });
  return defaultResource().merge(own);
}

/** The collector's own path is added, unless it is there. */
export function signalUrl(endpoint: string, signal: 'traces' | 'metrics'): string {
  const base = endpoint.replace(/\/+$/, '');
  const path = `/v1/${signal}`;
  return base.endsWith(path) ? base : base + path;
}
