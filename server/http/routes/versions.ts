/** The operator's hand on learning: versions and where they came from, promote, roll back, canary, shadow, pause, undo. */
import type { FastifyInstance } from 'fastify';
import { MillraceError } from '../../../core/errors.ts';
import type { TenantAliases } from '../../../core/registry/aliases.ts';
import type { Learning } from '../../learning/learning.ts';
import type { ReplicaView } from '../../learning/replica.ts';
import type { KnownVersion } from '../../learning/versions.ts';
import type { Context } from '../context.ts';
import {
  CanaryBody,
  DiffBody,
  PromoteBody,
  ShadowBody,
  TenantBody,
  UndoBody,
  VersionsQuery,
} from '../openai/admin-schemas.ts';
import { refuse } from '../openai/parse.ts';
import { diffVersions } from '../version-diff.ts';
import { learningOf } from './feedback.ts';
import { trialRoutes } from './trials.ts';

const config = { scope: 'admin' as const };
const defaultCanaryPercent = 10;

export function versionRoutes(app: FastifyInstance, context: Context): void {
  learningRoutes(app, context);
  readingRoutes(app, context);
  movingRoutes(app, context);
  trialRoutes(app, context);
}

function learningRoutes(app: FastifyInstance, context: Context): void {
  const state = ({ rollout, trainer, defaultModel }: Learning) => ({
    model: defaultModel,
    paused: rollout.isPaused,
    trainer: {
      state: trainer?.state ?? 'elsewhere',
      pid: trainer?.pid ?? null,
      restarts: trainer?.restarts ?? 0,
      hangs: trainer?.hangs ?? 0,
    },
    tenants: Object.fromEntries(
      rollout.tenantsOf(defaultModel).map((tenant) => [tenant, aliasView(rollout.of(defaultModel, tenant))]),
    ),
  });
  app.get('/admin/learning', { config }, async () => state(learningOf(context)));
  app.get('/admin/replicas', { config }, async () => {
    const { replica } = learningOf(context);
    return { object: 'list', data: (replica?.all() ?? []).map(shownReplica), self: replica?.id ?? null };
  });
  for (const [verb, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    app.post(`/admin/learning/${verb}`, { config }, async () => {
      const learning = learningOf(context);
      await learning.rollout.setPaused(paused);
      return state(learning);
    });
  }
}

function readingRoutes(app: FastifyInstance, context: Context): void {
  app.get<{ Querystring: VersionsQuery }>(
    '/admin/versions',
    { config, schema: { querystring: VersionsQuery } },
    async ({ query }) => {
      const { model = null, tenant = null } = query;
      const versions = await learningOf(context).versions.list({ model, tenant });
      return { object: 'list', data: versions.map(shown) };
    },
  );

  app.get<{ Params: { id: string } }>('/admin/versions/:id', { config }, async ({ params }) => {
    const { version, ancestors } = await learningOf(context).versions.get(params.id);
    const { rows, recipe, shape, gate, files } = version.manifest;
    return { ...shown(version), rows, recipe, shape, gate, files, ancestors };
  });

  app.post<{ Body: DiffBody }>(
    '/admin/versions/diff',
    { config, schema: { body: DiffBody } },
    async ({ body, id }, reply) => {
      const data = await diffVersions(context, reply, { ...body, model: modelOf(context, body), id });
      return { object: 'list', data };
    },
  );
}

function movingRoutes(app: FastifyInstance, context: Context): void {
  app.post<{ Params: { id: string }; Body: PromoteBody }>(
    '/admin/versions/:id/promote',
    { config, schema: { body: PromoteBody } },
    async ({ params, body }) => {
      const adapter = params.id === 'base' ? null : params.id;
      const { rollout } = learningOf(context);
      const pinned = body.pin === true;
      return aliasView(await rollout.promote(modelOf(context, body), body.tenant, adapter, { pinned }));
    },
  );

  app.post<{ Body: TenantBody }>(
    '/admin/rollback',
    { config, schema: { body: TenantBody } },
    async ({ body }) =>
      aliasView(await learningOf(context).rollout.rollback(modelOf(context, body), body.tenant)),
  );

  app.post<{ Body: CanaryBody }>(
    '/admin/canary',
    { config, schema: { body: CanaryBody } },
    async ({ body }) => {
      const { version, percent = defaultCanaryPercent, tenant } = body;
      const canary = version === null ? null : { adapter: version, share: percent / 100 };
      return aliasView(await learningOf(context).rollout.setCanary(modelOf(context, body), tenant, canary));
    },
  );

  app.post<{ Body: ShadowBody }>(
    '/admin/shadow',
    { config, schema: { body: ShadowBody } },
    async ({ body }) => {
      const { rollout } = learningOf(context);
      return aliasView(await rollout.setShadow(modelOf(context, body), body.tenant, body.version));
    },
  );

  app.post<{ Body: UndoBody }>('/admin/undo', { config, schema: { body: UndoBody } }, async ({ body }) => {
    const learning = learningOf(context);
    const { tenant, row, account } = body;
    learning.requireLearner();
    if ((row === undefined) === (account === undefined)) refuse('say either "row" or "account".', 'row');
    const what =
      row !== undefined ? { kind: 'row' as const, row } : { kind: 'account' as const, account: account! };
    const rows = await learning.keeper.call('rows', { tenant, what });
    if (row !== undefined && rows.length === 0) throw new MillraceError('feedback_not_found', { id: row });
    const aliases = await learning.undo(modelOf(context, body), tenant, rows);
    await learning.keeper.call('undo', { tenant, what, rows });
    learning.wake();
    return { rows: rows.length, ...aliasView(aliases) };
  });
}

const modelOf = (context: Context, { model }: { readonly model?: string }): string =>
  model ?? learningOf(context).defaultModel;

const aliasView = ({ stable, canary, shadow, previous, pinned, rolledBack, undone }: TenantAliases) => ({
  stable,
  canary: canary === null ? null : { version: canary.adapter, percent: canary.share * 100 },
  shadow,
  pinned,
  previous: previous.toReversed().slice(0, 10),
  rolled_back: rolledBack.length,
  undone_rows: undone.length,
});

const shownReplica = ({
  id,
  role,
  version,
  startedAt,
  seenMsAgo,
  aliasesRevision,
  adoption,
  isReady,
  models,
}: ReplicaView) => ({
  id,
  object: 'replica',
  role,
  program_version: version,
  started_at: startedAt,
  seen_ms_ago: seenMsAgo,
  aliases_revision: aliasesRevision,
  ready: isReady,
  missing: adoption?.missing ?? [],
  models: models.map(({ model, base, ready, refused }) => ({ model, base, ready, refused })),
});

const shown = ({ manifest, status, servedSince }: KnownVersion) => ({
  id: manifest.id,
  object: 'version',
  model: manifest.model,
  tenant: manifest.tenant,
  base: manifest.base,
  parent: manifest.parent,
  created_at: manifest.createdAt,
  num_rows: manifest.rows.length,
  recipe: manifest.recipe.kind,
  gate: manifest.gate?.verdict ?? null,
  status,
  served_since: servedSince,
});
