"""Train steps by PyTorch with PEFT, as they are asked for on standard input: the other side of training-speed.ts.

A line is {"texts": [{"tokens": [...], "from": n}], "steps": n}; the answer is {"ms": [...], "loss": the first step's}. Adapters
are new for each line. Only the logits that the loss needs are computed, which is the faster way to use the library.
"""

import json
import pathlib
import sys
import time

import peft
import torch
import torch.nn.functional as F
import transformers

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def loss_of(model, texts):
    """Mean over the texts of the mean -log p of the tokens from "from" on."""
    longest = max(len(text["tokens"]) for text in texts)
    least = min(text["from"] for text in texts)
    ids = torch.tensor([text["tokens"] + [0] * (longest - len(text["tokens"])) for text in texts])
    mask = torch.tensor([[1] * len(text["tokens"]) + [0] * (longest - len(text["tokens"])) for text in texts])
    kept = longest - least + 1
    logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=kept).logits
    losses = []
    for row, text in enumerate(texts):
        first, end = text["from"], len(text["tokens"])
        rows = logits[row, first - 1 - (longest - kept) : end - 1 - (longest - kept)]
        losses.append(F.cross_entropy(rows, ids[row, first:end]))
    return torch.stack(losses).mean()


def run(base, texts, steps):
    config = peft.LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=TARGETS, bias="none")
    model = peft.get_peft_model(base, config)
    factors = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(factors, lr=9e-4, weight_decay=0.0)
    took, losses = [], []
    for _ in range(steps):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model, texts)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(factors, 1.0)
        optimizer.step()
        took.append((time.perf_counter() - start) * 1000)
        losses.append(loss.item())
    model.unload()
    return {"ms": took, "loss": losses[0]}


def main(gguf, threads):
    torch.set_num_threads(threads)
    path = pathlib.Path(gguf)
    base = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    base.requires_grad_(False)
    print(json.dumps({"torch": torch.__version__, "peft": peft.__version__, "transformers": transformers.__version__}), flush=True)
    for line in sys.stdin:
        ask = json.loads(line)
        print(json.dumps(run(base, ask["texts"], ask["steps"])), flush=True)


main(sys.argv[1], int(sys.argv[2]))
