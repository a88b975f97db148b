"""Writes the tiny Llama 3 checkpoint again as a GGUF, with the layout that llama.cpp's converter gives it.

Run: python test/parity/gguf-file.py test/fixtures/decoders/llama3 test/fixtures/gguf/llama3.gguf
Made with gguf 0.19.0, safetensors 0.8.0 and torch 2.15.0. The logits must equal the checkpoint's own golden.
"""

import json
import math
import pathlib
import sys

import gguf
import numpy as np
from safetensors.torch import load_file

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def interleaved(weight, heads):
    """Halves of each head become pairs (0, 1), (2, 3), …"""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def divisors(config):
    rope = config["rope_parameters"]
    size = config["head_dim"]
    for i in range(size // 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (2 * i / size)
        turns = rope["original_max_position_embeddings"] / wavelength
        smooth = (turns - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
        smooth = min(1, max(0, smooth))
        yield 1 / ((1 - smooth) / rope["factor"] + smooth)


def target(name):
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    if name == "lm_head.weight":
        return "output.weight"
    _, _, layer, rest = name.split(".", 3)
    stem, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{NAMES[stem]}.{kind}"


def main(source, path):
    source = pathlib.Path(source)
    config = json.loads((source / "config.json").read_text())
    vocab = json.loads((source / "tokenizer.json").read_text())["model"]["vocab"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(sorted(vocab, key=vocab.get))
    writer.add_token_merges(["t 0"])
    writer.add_tensor("rope_freqs.weight", np.array(list(divisors(config)), np.float32))
    for name, tensor in load_file(source / "model.safetensors").items():
        weight = tensor.float().numpy()
        if "q_proj" in name:
            weight = interleaved(weight, config["num_attention_heads"])
        if "k_proj" in name:
            weight = interleaved(weight, config["num_key_value_heads"])
        kind = gguf.GGMLQuantizationType.F32 if weight.ndim == 1 else gguf.GGMLQuantizationType.BF16
        writer.add_tensor(target(name), gguf.quants.quantize(weight, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(*sys.argv[1:])
