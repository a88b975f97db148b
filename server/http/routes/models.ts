/** GET /v1/models, POST /tokenize and /detokenize: what is served, and how it cuts text. */
import type { FastifyInstance } from 'fastify';
import { MillraceError } from '../../../core/errors.ts';
import { parseFineTunedName } from '../../../core/jobs/fine-tuned-name.ts';
import type { ServedModel } from '../../completion/served-model.ts';
import { accountOf, type Context, targetOf } from '../context.ts';
import { encodeTexts } from '../openai/parse.ts';
import { DetokenizeBody, TokenizeBody } from '../openai/schemas.ts';
import { underVersion } from '../routing.ts';

export function modelRoutes(app: FastifyInstance, context: Context): void {
  const describe = (model: ServedModel) => ({
    id: model.id,
    object: 'model',
    created: model.createdAt,
    owned_by: 'millrace',
    version: model.version,
    max_context: model.engine.maxContext,
    kind: model.kind,
  });
  const find = (id: string | undefined): ServedModel => {
    const model = id === undefined ? context.models.list()[0] : context.models.get(id);
    if (model !== undefined) return model;
    const available = context.models
      .list()
      .map((known) => known.id)
      .join(', ');
    const details = {
      model: String(id)
        .replace(/[^\w./:-]/g, '?')
        .slice(0, 64),
      available,
    };
    throw new MillraceError('model_not_found', details, { param: 'model' });
  };

  app.get('/v1/models', { schema: { summary: 'Models served' } }, async () => ({
    object: 'list',
    data: context.models.list().map(describe),
  }));
  app.get<{ Params: { id: string } }>(
    '/v1/models/:id',
    { schema: { summary: 'One model' } },
    async (request) => {
      const { id } = request.params;
      if (parseFineTunedName(id) === null) return describe(find(id));
      const { model, adapter } = targetOf(context, id);
      const { tenant } = accountOf(request);
      // What cannot be served is no model: this says of it what a completion would.
      return underVersion(context, { tenant, model, version: adapter, stickyKey: '' }, ({ version }) => ({
        ...describe(model),
        id,
        version,
      }));
    },
  );
  app.post<{ Body: TokenizeBody }>(
    '/tokenize',
    { schema: { body: TokenizeBody, summary: 'Token ids of a text' } },
    async ({ body }) => {
      const model = find(body.model);
      const options = { addSpecialTokens: body.add_special === true, allowSpecial: false };
      const [tokens] = await encodeTexts([body.content], model, 'content', options);
      return { tokens };
    },
  );
  app.post<{ Body: DetokenizeBody }>(
    '/detokenize',
    { schema: { body: DetokenizeBody, summary: 'Text of token ids' } },
    async ({ body }) => {
      const model = find(body.model);
      const [ids] = await encodeTexts([body.tokens], model, 'tokens');
      return { content: model.tokenizer.decode(ids!, { skipSpecialTokens: false }) };
    },
  );
}
