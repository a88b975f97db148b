"""Writes blocks of every GGML type that Millrace reads, and the weights that the `gguf` package decodes from them.

Run: python test/parity/gguf-blocks.py test/fixtures/gguf-blocks.json
Made with gguf 0.19.0 and numpy 2.4.6. The test's tolerance is 1e-6 of the largest weight.
"""

import base64
import json
import sys

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

BLOCKS = 6
# Where half-precision scales lie in a block: random bytes there would be infinite or absurd.
SCALES = {Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}
QUANTIZED = [Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1]
BLOCK_BYTES = {Type.Q4_K: 144, Type.Q5_K: 176, Type.Q6_K: 210}


def encoded(kind, rng):
    if kind in QUANTIZED:
        return quants.quantize(rng.normal(0, 0.3, (BLOCKS, 32)).astype(np.float32), kind)
    data = rng.integers(0, 256, (BLOCKS, BLOCK_BYTES[kind]), dtype=np.uint8)
    for at in SCALES[kind]:
        data[:, at : at + 2] = rng.normal(0, 0.01, (BLOCKS, 1)).astype(np.float16).view(np.uint8)
    return data


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def main(path):
    rng = np.random.default_rng(3)
    cases = []
    for kind in [*QUANTIZED, *BLOCK_BYTES]:
        data = encoded(kind, rng)
        weights = quants.dequantize(data, kind).astype(np.float32)
        cases.append(dict(type=int(kind), name=kind.name, bytes=text(data), weights=text(weights)))
    with open(path, "w") as file:
        json.dump(cases, file, indent=1)
        file.write("\n")


main(sys.argv[1])
