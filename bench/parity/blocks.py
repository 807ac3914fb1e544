"""Golden values of GGUF block formats: python bench/parity/blocks.py > test/fixtures/blocks.json (needs gguf, numpy).

Floats and the formats that gguf-py can write are made from normal numbers; the others are random bytes with sane
scales (`d` and `m`, float16), which reaches every bit of a block.
"""
import base64
import json

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf import quants

FLOATS = {"F32": np.float32, "F16": np.float16}
# Where a block keeps its float16 numbers, for the formats that are filled with random bytes.
RANDOM = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "IQ4_NL": (0,)}
NAMES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", *RANDOM]

rng = np.random.default_rng(7)
out = {}
for name in NAMES:
    type_ = T[name]
    elements, size = GGML_QUANT_SIZES[type_]
    data = rng.standard_normal((1, max(elements, 8))).astype(np.float32)
    if name in FLOATS:
        raw = data.astype(FLOATS[name]).view(np.uint8)
        values = data.astype(FLOATS[name]).astype(np.float32)
    else:
        if name in RANDOM:
            raw = rng.integers(0, 256, (1, size), dtype=np.uint8)
            for i, at in enumerate(RANDOM[name]):
                raw[0, at : at + 2] = np.frombuffer(np.float16(0.01 * (i + 1)).tobytes(), np.uint8)
        else:
            raw = quants.quantize(data, type_)
        values = quants.dequantize(raw, type_)
    out[name] = {"bytes": base64.b64encode(raw.tobytes()).decode(), "values": [float(f"{v:.7g}") for v in np.asarray(values, np.float32).ravel()]}
print(json.dumps(out, separators=(",", ":")))
