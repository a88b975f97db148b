/** /v1/fine_tuning/jobs: asked for here, done by the trainer. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseFineTunedName } from '../../../core/jobs/fine-tuned-name.ts';
import type { Jobs } from '../../jobs/jobs.ts';
import { pageOf } from '../../jobs/page.ts';
import { accountOf, type Context, generatorOf } from '../context.ts';
import { checkpointObjects, eventObject, jobObject, listObject } from '../openai/job-format.ts';
import { JobBody, PageQuery } from '../openai/job-schemas.ts';
import { refuse } from '../openai/parse.ts';
import { parseJob, parsePage } from '../openai/parse-job.ts';

const maxPage = 100;
const usualPage = 20;
const usualCheckpoints = 10;

type ById = { readonly id: string };

export function fineTuningRoutes(app: FastifyInstance, context: Context, jobs: Jobs): void {
  const path = '/v1/fine_tuning/jobs';
  const tenantOf = (request: FastifyRequest): string => accountOf(request).tenant;

  app.post<{ Body: JobBody }>(
    path,
    { schema: { body: JobBody, summary: 'Fine-tune a model on a file' } },
    async (request) => {
      const { body } = request;
      if (parseFineTunedName(body.model) !== null) {
        refuse('a fine-tuned model is not tuned further; name the model that it was made from.', 'model');
      }
      generatorOf(context, body.model);
      const reservation = await accountOf(request).reserve(0);
      try {
        return jobObject(await jobs.create(tenantOf(request), parseJob(body)));
      } finally {
        reservation.settle(0);
      }
    },
  );

  app.get<{ Querystring: PageQuery }>(
    path,
    { schema: { querystring: PageQuery, summary: 'Fine-tuning jobs' } },
    async (request) => {
      const ask = parsePage(request.query, usualPage, maxPage);
      const { items, hasMore } = await jobs.list(tenantOf(request), ask);
      return listObject({ items: items.map(jobObject), hasMore }, (job) => job);
    },
  );

  app.get<{ Params: ById }>(`${path}/:id`, { schema: { summary: 'One job' } }, async (request) =>
    jobObject(await jobs.get(tenantOf(request), request.params.id)),
  );

  app.post<{ Params: ById }>(`${path}/:id/cancel`, { schema: { summary: 'Cancel a job' } }, async (request) =>
    jobObject(await jobs.cancel(tenantOf(request), request.params.id)),
  );

  app.get<{ Params: ById; Querystring: PageQuery }>(
    `${path}/:id/events`,
    { schema: { querystring: PageQuery, summary: 'What happened to a job, the newest first' } },
    async (request) => {
      const ask = parsePage(request.query, usualPage, maxPage);
      return listObject(await jobs.events(tenantOf(request), request.params.id, ask), eventObject);
    },
  );

  app.get<{ Params: ById; Querystring: PageQuery }>(
    `${path}/:id/checkpoints`,
    { schema: { querystring: PageQuery, summary: 'Models that a job has made' } },
    async (request) => {
      const ask = parsePage(request.query, usualCheckpoints, maxPage);
      const job = await jobs.get(tenantOf(request), request.params.id);
      return listObject(pageOf(checkpointObjects(job), ask), (checkpoint) => checkpoint);
    },
  );
}
