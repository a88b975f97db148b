/** HTTP methods as labels: clients may send any, so that what is none of the usual ones is one, as OpenTelemetry names it. */

const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT']);

export const knownMethod = (method: string): string => (methods.has(method) ? method : '_OTHER');
