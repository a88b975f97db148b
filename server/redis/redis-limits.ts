/**
 * Limits of keys that all replicas see: token buckets in Redis, both of a key's in one round trip. Time is Redis' own, so
 * that the clocks of replicas do not matter. A bucket that is full takes no room.
 */
import { type Limits, noBudgets, type Rates, type Taking } from '../admission/limits.ts';
import { budgetOf, refillMs } from '../admission/rate-limit.ts';
import type { RedisLink } from './redis-link.ts';
import { redisScript } from './redis-script.ts';

/**
 * KEYS[1] is a hash: the levels of requests and tokens, and when they were so, in milliseconds. ARGV: requests and tokens
 * per minute, 0 for no limit; requests and tokens to take; "if-there" to take only what is there. Returns what is lacking
 * ("", "requests", "tokens"), and both levels as text: Redis would cut numbers down to whole ones.
 */
const take = redisScript(`
local names = { 'requests', 'tokens' }
local rates = { tonumber(ARGV[1]), tonumber(ARGV[2]) }
local amounts = { tonumber(ARGV[3]), tonumber(ARGV[4]) }
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'requests', 'tokens', 'at')
local elapsed = math.max(0, now - (tonumber(state[3]) or now))
local levels = {}
local lacking = ''
for i, rate in ipairs(rates) do
  local level = tonumber(state[i]) or rate
  levels[i] = math.min(rate, level + elapsed * rate / 60000)
  local wanted = math.min(amounts[i], rate)
  if lacking == '' and ARGV[5] == 'if-there' and rate > 0 and levels[i] < wanted then lacking = names[i] end
end
if lacking == '' then
  local fullMs = 0
  for i, rate in ipairs(rates) do
    if rate > 0 then
      levels[i] = math.min(rate, levels[i] - amounts[i])
      redis.call('HSET', KEYS[1], names[i], string.format('%.6f', levels[i]))
      fullMs = math.max(fullMs, (rate - levels[i]) * 60000 / rate)
    end
  end
  redis.call('HSET', KEYS[1], 'at', string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(fullMs) + 1000))
end
return { lacking, string.format('%.6f', levels[1]), string.format('%.6f', levels[2]) }
`);

export class RedisLimits implements Limits {
  private readonly link: RedisLink;

  constructor(link: RedisLink) {
    this.link = link;
  }

  async take(rates: Rates, tokens: number): Promise<Taking> {
    const { requestsPerMinute, tokensPerMinute } = rates;
    const { lacking, levels } = await this.ask(rates, { requests: 1, tokens }, 'if-there');
    if (lacking === 'requests') {
      return { taken: false, limit: lacking, retryAfterMs: refillMs(1 - levels.requests, requestsPerMinute) };
    }
    if (lacking === 'tokens') {
      const wanted = Math.min(tokens, tokensPerMinute) - levels.tokens;
      return { taken: false, limit: lacking, retryAfterMs: refillMs(wanted, tokensPerMinute) };
    }
    const budgets = {
      requests: requestsPerMinute > 0 ? budgetOf(levels.requests, requestsPerMinute) : noBudgets.requests,
      tokens: tokensPerMinute > 0 ? budgetOf(levels.tokens, tokensPerMinute) : noBudgets.tokens,
    };
    return { taken: true, budgets, settle: (unusedTokens) => this.settle(rates, unusedTokens) };
  }

  /** What Redis does not hear of now refills by itself. */
  private async settle(rates: Rates, unusedTokens: number): Promise<void> {
    if (rates.tokensPerMinute === 0 || unusedTokens === 0) return;
    await this.ask(rates, { requests: 0, tokens: -unusedTokens }, 'always').catch(() => null);
  }

  private async ask(
    { key, requestsPerMinute, tokensPerMinute }: Rates,
    amounts: { readonly requests: number; readonly tokens: number },
    when: 'if-there' | 'always',
  ): Promise<{ readonly lacking: string; readonly levels: { requests: number; tokens: number } }> {
    const args = [requestsPerMinute, tokensPerMinute, amounts.requests, amounts.tokens, when];
    const answer = await this.link.evaluate(take, [this.link.key('limits', key)], args);
    const [lacking, requests, tokens] = answer as [string, string, string];
    return { lacking, levels: { requests: Number(requests), tokens: Number(tokens) } };
  }
}
