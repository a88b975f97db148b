/** GET /admin/trials: the experiment and the guard that run for a tenant, its shadow, and what was decided. */
import type { FastifyInstance } from 'fastify';
import type { Decision } from '../../rollout/conclusion.ts';
import type { TrialsView } from '../../rollout/trials.ts';
import type { Context } from '../context.ts';
import { learningOf } from './feedback.ts';

const config = { scope: 'admin' as const };
const name = { type: 'string', minLength: 1, maxLength: 256 };
const querystring = { type: 'object', required: ['tenant'], properties: { tenant: name, model: name } };

export function trialRoutes(app: FastifyInstance, context: Context): void {
  app.get<{ Querystring: { tenant: string; model?: string } }>(
    '/admin/trials',
    { config, schema: { querystring } },
    async ({ query }) => {
      const { trials, shadows, defaultModel } = learningOf(context);
      const { model = defaultModel, tenant } = query;
      const { trial, decisions } = trials.view(model, tenant);
      return {
        model,
        tenant,
        canary: trial?.canary ? running(trial.canary) : null,
        watch: trial?.watch ? running(trial.watch) : null,
        waiting: trial?.waiting ?? null,
        usual: trial?.usual ?? null,
        shadow: shadowOf(shadows.report(model, tenant)),
        decisions: decisions.map(shown),
      };
    },
  );
}

type Running = NonNullable<NonNullable<TrialsView['trial']>['canary' | 'watch']>;
const at = (ms: number): string => new Date(ms).toISOString();

const running = ({ version, against, startedMs, evidence }: Running) => ({
  version,
  against,
  started_at: at(startedMs),
  evidence,
});

const shown = ({
  trial,
  version,
  against,
  kind,
  reason,
  effect,
  startedMs,
  at: decided,
  evidence,
}: Decision) => ({
  trial,
  version,
  against,
  kind,
  reason,
  effect,
  started_at: at(startedMs),
  decided_at: decided,
  evidence,
});

function shadowOf(compared: ReturnType<Learned['shadows']['report']>) {
  if (compared === null) return null;
  const { version, numSkipped, report } = compared;
  return { version, skipped: numSkipped, ...report };
}

type Learned = ReturnType<typeof learningOf>;
