/** Sequences as tests ask for them: greedy, of one tenant, unless said otherwise. */
import { greedy, type SequenceSpec } from '../server/batching/request.ts';

export const specOf = (id: string, options: Partial<SequenceSpec> = {}): SequenceSpec => ({
  id,
  promptTokens: Array.from({ length: 32 }, (_, index) => index),
  maxTokens: 16,
  sampling: greedy,
  stopTokenIds: [],
  priority: 0,
  tenant: 'a',
  adapter: null,
  cacheScope: 'a',
  ttftTargetMs: 1000,
  tpotTargetMs: 50,
  ...options,
});
