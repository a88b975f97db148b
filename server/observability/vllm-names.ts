/**
 * Metrics once more under the names that dashboards made for vLLM look for. They are written from the lines of our own at
 * each scrape, and cost nothing in between. Off by default: `promtool check metrics` refuses colons in names.
 */

/** vLLM's name → ours. */
export const vllmNames: Readonly<Record<string, string>> = {
  'vllm:num_requests_running': 'millrace_running_sequences',
  'vllm:num_requests_waiting': 'millrace_waiting_sequences',
  'vllm:kv_cache_usage_perc': 'millrace_cache_usage_ratio',
  'vllm:prefix_cache_queries_total': 'millrace_prefix_lookup_tokens_total',
  'vllm:prefix_cache_hits_total': 'millrace_prefix_hit_tokens_total',
  'vllm:num_preemptions_total': 'millrace_preemptions_total',
  'vllm:prompt_tokens_total': 'millrace_engine_prompt_tokens_total',
  'vllm:generation_tokens_total': 'millrace_engine_generated_tokens_total',
  'vllm:request_success_total': 'millrace_finished_total',
  'vllm:iteration_tokens_total': 'millrace_step_tokens',
  'vllm:time_to_first_token_seconds': 'gen_ai_server_time_to_first_token_seconds',
  'vllm:inter_token_latency_seconds': 'millrace_inter_token_seconds',
  'vllm:e2e_request_latency_seconds': 'gen_ai_server_request_duration_seconds',
  'vllm:request_queue_time_seconds': 'millrace_queue_wait_seconds',
  'vllm:request_prefill_time_seconds': 'millrace_prefill_seconds',
  'vllm:request_decode_time_seconds': 'millrace_decode_seconds',
  'vllm:request_prompt_tokens': 'millrace_prompt_tokens',
  'vllm:request_generation_tokens': 'millrace_output_tokens',
};

/** Labels that vLLM calls otherwise. */
const labels: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'vllm:request_success_total': { reason: 'finished_reason' },
};

/** `text` is one metric as Prometheus reads it; returns the same under `alias`. */
export function renamed(text: string, name: string, alias: string): string {
  const renames = Object.entries({ model: 'model_name', ...labels[alias] });
  const lines = text.split('\n').map((line) => {
    if (line.startsWith('#')) return line.replace(` ${name} `, ` ${alias} `);
    let sample = alias + line.slice(name.length);
    for (const [label, other] of renames)
      sample = sample.replace(`{${label}="`, `{${other}="`).replace(`,${label}="`, `,${other}="`);
    return sample;
  });
  return lines.join('\n');
}
