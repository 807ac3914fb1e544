"""The default model's GGUF file as float32 tensors under transformers' names: python bench/sweep/weights.py MODEL.gguf OUT.pt"""
import sys

import numpy as np
import torch
from gguf import GGUFReader, dequantize

NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}
HEADS = {"attn_q": 9, "attn_k": 3}

state = {}
for tensor in GGUFReader(sys.argv[1]).tensors:
    weight = torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32))
    part = tensor.name.split(".")
    if part[0] == "blk":
        if part[2] in HEADS:  # llama.cpp orders the rows of a head for its own rotation
            rows, columns = weight.shape
            weight = weight.reshape(HEADS[part[2]], -1, 2, columns).swapaxes(1, 2).reshape(rows, columns)
        state[f"model.layers.{part[1]}.{NAMES[part[2]]}.weight"] = weight
    elif part[0] == "token_embd":
        state["model.embed_tokens.weight"] = weight
    elif part[0] == "output_norm":
        state["model.norm.weight"] = weight
torch.save(state, sys.argv[2])
