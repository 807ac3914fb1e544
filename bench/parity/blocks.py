"""Golden values of GGUF block formats: python bench/parity/blocks.py > test/fixtures/blocks.json (needs gguf, numpy)."""
import base64
import json

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import quants

rng = np.random.default_rng(7)
out = {}
for name, block, size in [("F32", 8, 4), ("F16", 8, 2), ("BF16", 8, 2), ("Q4_0", 32, 18), ("Q4_1", 32, 20), ("Q8_0", 32, 34), ("Q6_K", 256, 210)]:
    type_ = T[name]
    data = rng.standard_normal((1, max(block, 8))).astype(np.float32)
    if name == "Q6_K":
        raw = rng.integers(0, 256, (1, size), dtype=np.uint8)
        raw[0, 208:210] = np.frombuffer(np.float16(0.01).tobytes(), np.uint8)
    elif name == "F32":
        raw = data.view(np.uint8)
    elif name == "F16":
        raw = data.astype(np.float16).view(np.uint8)
    else:
        raw = quants.quantize(data, type_)
    values = quants.dequantize(raw, type_) if name not in ("F32", "F16") else (data if name == "F32" else data.astype(np.float16).astype(np.float32))
    out[name] = {"bytes": base64.b64encode(raw.tobytes()).decode(), "values": [float(f"{v:.7g}") for v in np.asarray(values, np.float32).ravel()]}
print(json.dumps(out, separators=(",", ":")).replace('"}', '"}'))
