"""Trains small tokenizers of each kind that Millrace meets, and digests what Hugging Face's tokenizers make of
10,000 generated strings.

Run: python test/parity/tokenizing.py test/fixtures/tokenizers [folder with a tokenizer.json, or SmolLM2's .gguf, ...]
Made with tokenizers 0.23.3 and gguf 0.19.0.
Strings come from SplitMix32 and strings.json, as in tokenizing.test.ts. Of each string's ids, written in decimal and
joined by commas, the SHA-256 goes into a group of twenty; the first eight hex digits of a group's digest are kept.
Odd strings are encoded with special tokens recognised, even ones with special tokens as plain text.
"""

import hashlib
import json
import pathlib
import sys

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

STRINGS = 10_000
GROUP = 20
VOCAB = 500
SPECIALS = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


class SplitMix32:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B9) & 0xFFFFFFFF
        z = self.state
        z = ((z ^ (z >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
        z = ((z ^ (z >> 15)) * 0x735A2D97) & 0xFFFFFFFF
        return (z ^ (z >> 15)) / 4294967296

    def below(self, count):
        return int(self.next() * count)


def make_string(rng, spec, index):
    if index % 20 == 0:
        return bytes(rng.below(256) for _ in range(1 + rng.below(12))).decode("utf-8", "replace")
    text = ""
    for _ in range(1 + rng.below(12)):
        if rng.next() < 0.4:
            text += spec["atoms"][rng.below(len(spec["atoms"]))]
        else:
            low, high = spec["ranges"][rng.below(len(spec["ranges"]))]
            for _ in range(1 + rng.below(6)):
                text += chr(low + rng.below(high - low + 1))
        if rng.next() < 0.3:
            text += " "
    return text


def byte_level(cuts):
    result = Tokenizer(models.BPE())
    result.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    result.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    return result, trainer


def split(pattern):
    return [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]


def sentence_piece():
    """Llama 2's and TinyLlama's: BPE over characters, unknown ones as bytes."""
    result = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    result.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    result.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    return result, trainers.BpeTrainer(
        vocab_size=VOCAB + 256, special_tokens=SPECIALS + byte_tokens, limit_alphabet=120
    )


def word_piece():
    result = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    result.normalizer = normalizers.BertNormalizer(lowercase=True)
    result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return result, trainers.WordPieceTrainer(vocab_size=VOCAB, special_tokens=specials, limit_alphabet=120)


KINDS = {
    "gpt2": lambda: byte_level([pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "smollm": lambda: byte_level([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "llama3": lambda: byte_level(split(rf"{WORDS}|\p{{N}}{{1,3}}|{REST}")),
    "qwen2": lambda: byte_level(split(rf"{WORDS}|\p{{N}}|{REST}")),
    "sentence-piece": sentence_piece,
    "word-piece": word_piece,
}


def trained(kind, strings):
    tokenizer, trainer = KINDS[kind]()
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    # Merges that lead to a special token's text would make it an ordinary one.
    texts = [text for text in strings if not any(special in text for special in SPECIALS)]
    tokenizer.train_from_iterator(texts, trainer)
    if kind != "sentence-piece":
        return tokenizer
    # The byte tokens were special only so that training kept them.
    fields = json.loads(tokenizer.to_str())
    fields["added_tokens"] = [token for token in fields["added_tokens"] if token["content"] in SPECIALS]
    return Tokenizer.from_str(json.dumps(fields))


def scored(tokenizer):
    """As from a GGUF that holds pieces with scores: merges made anew by Transformers' own conversion."""
    from transformers.convert_slow_tokenizer import generate_merges

    fields = json.loads(tokenizer.to_str())
    vocab = fields["model"]["vocab"]
    merges = generate_merges(vocab, {token: float(-i) for token, i in vocab.items()})
    fields["model"]["merges"] = [list(merge) for merge in merges]
    return Tokenizer.from_str(json.dumps(fields))


def digests(tokenizer, strings):
    result = []
    for start in range(0, STRINGS, GROUP):
        group = hashlib.sha256()
        for index, text in enumerate(strings[start : start + GROUP], start):
            tokenizer.encode_special_tokens = index % 2 == 0
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            group.update(hashlib.sha256(",".join(map(str, ids)).encode()).digest())
        result.append(group.hexdigest()[:8])
    return result


def load(path):
    if path.suffix != ".gguf":
        return Tokenizer.from_file(str(path / "tokenizer.json"))
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    result = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    # As in the tokenizer.json that the model was published with.
    result.pre_tokenizer = KINDS["smollm"]()[0].pre_tokenizer
    kinds = fields["tokenizer.ggml.token_type"].contents()
    result.add_special_tokens([token for token, kind in zip(tokens, kinds) if kind == 3])
    return result


def main(folder, *others):
    folder = pathlib.Path(folder)
    spec = json.loads((folder / "strings.json").read_text())
    rng = SplitMix32(9)
    strings = [make_string(rng, spec, index) for index in range(STRINGS)]
    for kind in KINDS:
        tokenizer = trained(kind, strings[::2])
        (folder / f"{kind}.json").write_text(tokenizer.to_str() + "\n")
        (folder / f"{kind}.digests.json").write_text(json.dumps(digests(tokenizer, strings)) + "\n")
        if kind == "sentence-piece":
            name = f"{kind}-scores.digests.json"
            (folder / name).write_text(json.dumps(digests(scored(tokenizer), strings)) + "\n")
    for path in map(pathlib.Path, others):
        name = path.stem.lower().split("-")[0]
        (folder / f"real-{name}.digests.json").write_text(json.dumps(digests(load(path), strings)) + "\n")


main(*sys.argv[1:])
