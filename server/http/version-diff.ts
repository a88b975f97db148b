/** Two versions answer the same questions, side by side. */
import type { FastifyReply } from 'fastify';
import { runCompletion } from '../completion/completion.ts';
import type { ServedGenerator } from '../completion/served-model.ts';
import { type Context, generatorOf } from './context.ts';
import { parseChat } from './openai/parse.ts';
import { underVersion } from './routing.ts';
import { whileConnected } from './while-connected.ts';

export interface DiffRequest {
  readonly id: string;
  readonly model: string;
  readonly tenant: string;
  /** As requests name them: an adapter's id, a version id, or "base". */
  readonly a: string;
  readonly b: string;
  readonly prompts: readonly string[];
  readonly max_tokens?: number;
}

const defaultTokens = 128;

interface Difference {
  readonly prompt: string;
  readonly a: string;
  readonly b: string;
  readonly same: boolean;
}

/** Throws version_not_found, and what the engine throws. */
export function diffVersions(
  context: Context,
  reply: FastifyReply,
  request: DiffRequest,
): Promise<Difference[]> {
  const model = generatorOf(context, request.model);
  return whileConnected(reply, async (signal) => {
    const differences: Difference[] = [];
    for (const prompt of request.prompts) {
      const answer = (side: 'a' | 'b') => answerOf(context, { model, request, prompt, side, signal });
      const [a, b] = await Promise.all([answer('a'), answer('b')]);
      differences.push({ prompt, a, b, same: a === b });
    }
    return differences;
  });
}

interface Question {
  readonly model: ServedGenerator;
  readonly request: DiffRequest;
  readonly prompt: string;
  readonly side: 'a' | 'b';
  readonly signal: AbortSignal;
}

/** Greedy, so that a difference is the version's. */
function answerOf(context: Context, question: Question): Promise<string> {
  const { model, request, prompt, side, signal } = question;
  const { tenant, id, max_tokens = defaultTokens } = request;
  const messages = [{ role: 'user' as const, content: prompt }];
  const body = { model: model.id, messages, temperature: 0, max_tokens };
  return underVersion(context, { tenant, model, version: request[side], stickyKey: '' }, async (route) => {
    const caller = { requestId: `${id}-${side}`, tenant, ...route };
    const completion = await parseChat(body, { messages, known: null }, model, caller, context.limits);
    let text = '';
    const sink = {
      delta: (delta: { readonly text: string }) => {
        text += delta.text;
      },
    };
    await runCompletion(completion, sink, signal, () => context.clock.nowMs());
    return text;
  });
}
