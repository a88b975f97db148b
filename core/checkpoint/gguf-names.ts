/** GGUF tensor names to Hugging Face's. */

const whole: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

const inLayer: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

/** Names without a counterpart are kept. */
export function huggingFaceName(name: string): string {
  const [, layer, part, kind] = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias)$/.exec(name) ?? [];
  if (layer !== undefined) return `model.layers.${layer}.${inLayer[part!] ?? part}.${kind}`;
  const dot = name.lastIndexOf('.');
  const stem = whole[name.slice(0, dot)];
  return stem === undefined ? name : stem + name.slice(dot);
}
