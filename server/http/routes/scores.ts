/** POST /v1/score: how likely given completions are after given prompts. Batched dynamically, off the running streams. */
import type { FastifyInstance } from 'fastify';
import { MillraceError } from '../../../core/errors.ts';
import type { ScoringInput } from '../../batching/engine.ts';
import type { ServedGenerator } from '../../completion/served-model.ts';
import { batched } from '../batched.ts';
import { type Context, generatorOf } from '../context.ts';
import { fieldLimits } from '../limits.ts';
import { encodeTexts, refuse } from '../openai/parse.ts';
import { ScoreBody } from '../openai/schemas.ts';

type Item = ScoreBody['input'][number];

export function scoreRoutes(app: FastifyInstance, context: Context): void {
  app.post<{ Body: ScoreBody }>(
    '/v1/score',
    { schema: { body: ScoreBody, summary: 'Log-likelihoods of completions after prompts' } },
    async (request, reply) => {
      const { body } = request;
      const model = generatorOf(context, body.model);
      const { scorer } = model;
      if (scorer === null) refuse(`"${model.id}" cannot score texts.`, 'model');
      const inputs = await inputsOf(body.input, model, scorer.maxContext);
      const promptTokens = inputs.reduce((sum, { tokens }) => sum + tokens.length, 0);
      const scores = await batched(context, request, reply, {
        operation: 'score',
        model,
        name: body.model,
        promptTokens,
        run: (signal) => scorer.score(inputs, { signal }),
      });
      reply.header('x-millrace-version', model.version);
      return {
        object: 'list',
        data: scores.map(({ logprobs, isGreedy }, index) => ({
          object: 'score',
          index,
          logprob: logprobs.reduce((sum, value) => sum + value, 0),
          num_tokens: logprobs.length,
          is_greedy: isGreedy,
          token_logprobs: Array.from(logprobs),
        })),
        model: model.id,
        system_fingerprint: model.version,
        usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
      };
    },
  );
}

/** Prompt and completion are cut into tokens as one text; those beyond the prompt's own count are scored. */
async function inputsOf(
  items: readonly Item[],
  model: ServedGenerator,
  maxContext: number,
): Promise<ScoringInput[]> {
  const wholes = await encodeTexts(items.map(wholeOf), model, 'input');
  const prompts = await encodeTexts(
    items.map(({ prompt }) => prompt),
    model,
    'input',
  );
  return wholes.map((tokens, index) => {
    const from = Math.min(prompts[index]!.length, tokens.length - 1);
    if (from < 1) refuse(`input[${index}] has no token in front of what is to be scored.`, 'input');
    if (tokens.length > maxContext) {
      const details = { promptTokens: tokens.length, maxTokens: 0, maxContext };
      throw new MillraceError('context_length_exceeded', details, { param: 'input' });
    }
    const numScored = tokens.length - from;
    if (numScored > fieldLimits.scoredTokens) {
      const most = fieldLimits.scoredTokens;
      refuse(`the completion of input[${index}] has ${numScored} tokens, at most ${most}.`, 'input');
    }
    return { tokens, from };
  });
}

function wholeOf({ prompt, completion }: Item, index: number): string | readonly number[] {
  if (typeof prompt === 'string' && typeof completion === 'string') return prompt + completion;
  if (typeof prompt === 'string' || typeof completion === 'string') {
    refuse(`prompt and completion of input[${index}] must both be texts or both be token ids.`, 'input');
  }
  return [...prompt, ...completion];
}
