/** A request answered once more by another version, for comparison: nobody waits for it, so that everybody else goes first. */
import { type CompletionRequest, runCompletion } from './completion.ts';

export interface AgainOptions {
  readonly adapter: string;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
}

/** Below all that requests can ask for. */
const lowest = -1_000;

/** The first choice of the first prompt, with the same tokens, seed and limits. Rejects as runCompletion does. */
export async function answerAgain(
  request: CompletionRequest,
  { adapter, signal, nowMs }: AgainOptions,
): Promise<{ readonly text: string; readonly durationMs: number }> {
  let text = '';
  const startMs = nowMs();
  const again: CompletionRequest = {
    ...request,
    id: `${request.id}~${adapter}`,
    prompts: request.prompts.slice(0, 1),
    numChoices: 1,
    sampling: { ...request.sampling, logprobs: null, promptLogprobs: null },
    priority: lowest,
    // Its tokens are not counted against the tenant's share.
    tenant: `${request.tenant}~shadow`,
    adapter,
  };
  const sink = {
    delta(delta: { readonly text: string }) {
      text += delta.text;
    },
  };
  await runCompletion(again, sink, signal, nowMs);
  return { text, durationMs: nowMs() - startMs };
}
