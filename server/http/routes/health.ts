/** GET /health/*: live while the process answers, ready while every engine serves and no drain is on. */
import type { FastifyInstance } from 'fastify';
import type { Context } from '../context.ts';

export function healthRoutes(app: FastifyInstance, context: Context): void {
  const { readiness } = context;
  const config = { scope: 'public' as const };
  const states = (): Record<string, string> =>
    Object.fromEntries(context.models.list().map((model) => [model.id, model.engine.state()]));
  const isServing = (): boolean => Object.values(states()).every((state) => state === 'ready');

  app.get('/health/live', { config }, async () => ({ status: 'live' }));
  app.get('/health/ready', { config }, async (_request, reply) => {
    const ready = isServing() && !readiness.draining;
    return reply
      .code(ready ? 200 : 503)
      .send({ status: readiness.draining ? 'draining' : ready ? 'ready' : 'not ready', engines: states() });
  });
  app.get('/health/startup', { config }, async (_request, reply) => {
    const started = Object.values(states()).every((state) => state !== 'starting');
    return reply
      .code(started ? 200 : 503)
      .send({ status: started ? 'started' : 'starting', engines: states() });
  });
}
