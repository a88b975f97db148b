import type { FastifyInstance } from 'fastify';

/** "│   └── /:id/content (GET, HEAD)": how deep, what follows the line above it, methods. */
const line = /^((?:│ {3}| {4})*)[├└]── (\S+) \(([A-Z, ]+)\)$/;

/** The routes that the instance really has, as it tells them: "GET /v1/files/:id". Throws for a line it cannot read. */
export function registeredRoutes(app: Pick<FastifyInstance, 'printRoutes'>): string[] {
  const above: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .filter((text) => text !== '')
    .flatMap((text) => {
      const [, indent, part, methods] = line.exec(text) ?? [];
      if (indent === undefined || part === undefined || methods === undefined) {
        throw new Error(`not a route: ${JSON.stringify(text)}`);
      }
      above.length = indent.length / 4;
      above.push(part);
      return methods.split(', ').map((method) => `${method} ${above.join('')}`);
    });
}
