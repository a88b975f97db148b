/** The operator's hand on base versions: which there are, move to one, merge what was learned into a new one. */
import type { FastifyInstance } from 'fastify';
import type { ConsolidationRequest } from '../../../core/learning/consolidation-request.ts';
import { type KnownBase, mergedInto } from '../../learning/bases.ts';
import type { ConsolidationEnd } from '../../learning/consolidation.ts';
import type { Learning } from '../../learning/learning.ts';
import type { Context } from '../context.ts';
import { BaseBody, BasesQuery, TenantBody } from '../openai/admin-schemas.ts';
import { learningOf } from './feedback.ts';

const config = { scope: 'admin' as const };

export function baseRoutes(app: FastifyInstance, context: Context): void {
  app.get<{ Querystring: BasesQuery }>(
    '/admin/bases',
    { config, schema: { querystring: BasesQuery } },
    async ({ query }) => {
      const learning = learningOf(context);
      return listed(learning, query.model ?? learning.defaultModel);
    },
  );

  app.post<{ Body: BaseBody }>('/admin/base', { config, schema: { body: BaseBody } }, async ({ body }) => {
    const learning = learningOf(context);
    const model = body.model ?? learning.defaultModel;
    learning.requireLearner();
    await learning.moveBase(model, body.version);
    return listed(learning, model);
  });

  app.post<{ Body: TenantBody }>(
    '/admin/consolidate',
    { config, schema: { body: TenantBody } },
    async ({ body }, reply) => {
      const learning = learningOf(context);
      const { model = learning.defaultModel, tenant } = body;
      learning.requireLearner();
      return reply.code(202).send(asked(await learning.consolidation.ask(model, tenant)));
    },
  );
}

async function listed({ bases, consolidation, rollout }: Learning, model: string) {
  const served = rollout.baseOf(model);
  const { open, latest } = await consolidation.state();
  return {
    object: 'list',
    data: (await bases.list(model)).map((base) => shown(base, served)),
    consolidation: { open: open && asked(open), latest: latest && ended(latest) },
  };
}

const shown = ({ manifest, isImported }: KnownBase, served: string | null) => ({
  id: manifest.version,
  object: 'base',
  model: manifest.name,
  imported: isImported,
  served: manifest.version === served,
  created_at: manifest.createdAt,
  quantization: manifest.quantization,
  merged: mergedInto(manifest),
  gate: manifest.gate?.verdict ?? null,
  checks: manifest.gate?.checks ?? [],
});

const asked = ({ at, model, tenant, adapter }: ConsolidationRequest) => ({
  object: 'consolidation',
  requested_at: at,
  model,
  tenant,
  adapter,
});

const ended = (end: ConsolidationEnd) => ({
  object: 'consolidation',
  ended_at: end.at,
  model: end.model,
  tenant: end.tenant,
  adapter: end.adapter,
  base: end.type === 'base' ? end.version : null,
  reason: end.type === 'base' ? null : end.reason,
});
