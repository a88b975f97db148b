"""Writes tiny random BERT checkpoints in sentence-transformers' layout, and the vectors that Transformers computes.

Run: python test/parity/encoders.py test/fixtures/encoders
Made with torch 2.15.0 and transformers 5.23.0, fp32, eager attention; the test's tolerance is 1e-5 absolute.
"""

import json
import pathlib
import sys

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "mill", "race", "water", "wheel", "##s", "##ing", "turn", "a", "the", "."]
TEXTS = ["The mill wheels turning.", "a", "Water turns the wheel. Water turns the mill. Unknown words too."]
POOLING = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}


def tokenizer():
    result = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    result.normalizer = normalizers.BertNormalizer(lowercase=True)
    result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    result.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return result


def main(root):
    for pooling, mode in POOLING.items():
        torch.manual_seed(5)
        config = transformers.BertConfig(
            vocab_size=len(WORDS),
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=96,
            max_position_embeddings=40,
        )
        config._attn_implementation = "eager"
        model = transformers.BertModel(config, add_pooling_layer=False).float().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
        folder = root / pooling
        (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
        words = tokenizer()
        golden = []
        for text in TEXTS:
            ids = words.encode(text).ids
            with torch.no_grad():
                hidden = model(torch.tensor([ids])).last_hidden_state[0]
            vector = hidden.mean(0) if pooling == "mean" else hidden[0]
            vector = torch.nn.functional.normalize(vector, dim=0)
            golden.append(dict(text=text, ids=ids, vector=[round(x, 7) for x in vector.tolist()]))
        model.save_pretrained(folder)
        words.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 40}))
        modes = {name: name == mode for name in POOLING.values()}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 64, **modes}))
        (folder / "golden.json").write_text(json.dumps(golden))


main(pathlib.Path(sys.argv[1]))
