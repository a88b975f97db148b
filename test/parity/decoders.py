"""Writes a tiny random checkpoint of every decoder family, and the logits that Transformers computes for it.

Run: python test/parity/decoders.py test/fixtures/decoders
Made with torch 2.15.0 and transformers 5.23.0, fp32, eager attention; the test's tolerance is 1e-3 absolute.
"""

import json
import pathlib
import sys

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

SIZES = dict(
    vocab_size=96,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    bos_token_id=1,
    eos_token_id=2,
    tie_word_embeddings=False,
)
LLAMA3 = dict(
    rope_type="llama3",
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=32,
    rope_theta=500000.0,
)
FAMILIES = {
    "smollm2": (transformers.LlamaConfig, dict(tie_word_embeddings=True)),
    "tinyllama": (transformers.LlamaConfig, dict(num_key_value_heads=1)),
    "llama3": (transformers.LlamaConfig, dict(rope_parameters=LLAMA3)),
    "mistral": (transformers.MistralConfig, dict(sliding_window=8, head_dim=16)),
    "qwen2": (transformers.Qwen2Config, dict(tie_word_embeddings=True)),
    "qwen3": (transformers.Qwen3Config, dict(head_dim=32, tie_word_embeddings=True)),
}


def write_tokenizer(folder):
    tokenizer = Tokenizer(models.WordLevel({f"t{i}": i for i in range(96)}, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 128}))


def main(root):
    for name, (config_class, changes) in FAMILIES.items():
        torch.manual_seed(7)
        config = config_class(**{**SIZES, **changes})
        config._attn_implementation = "eager"
        model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if "norm" in key:
                    parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
                elif key.endswith("bias"):
                    parameter.copy_(0.3 * torch.randn_like(parameter))
                else:
                    parameter.copy_(0.15 * torch.randn_like(parameter))
                parameter.copy_(parameter.bfloat16().float())
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        ids = torch.randint(3, 96, (1, 40), generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            logits = model(ids).logits[0]
        (model if name == "tinyllama" else model.bfloat16()).save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        write_tokenizer(folder)
        rows = [0, 5, 12, 23, 39]
        golden = dict(ids=ids[0].tolist(), rows=rows, logits=[[round(x, 6) for x in logits[r].tolist()] for r in rows])
        (folder / "golden.json").write_text(json.dumps(golden))
        print(name, float(logits.abs().max()))


main(pathlib.Path(sys.argv[1]))
