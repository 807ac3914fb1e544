"""Tiny random models of each family and their golden numbers, for test/engine/families.test.ts.

    pip install torch transformers peft gguf sentencepiece
    python bench/parity/families.py test/fixtures/families [FAMILY or mixed ...]

Per family: a folder with config.json, safetensors (bfloat16; one family in float16 shards, untied ones with lm_head)
and a PEFT adapter; FAMILY.gguf, where llama.cpp has the family with the same meaning; FAMILY.json with log-probabilities,
greedy tokens and the loss of one training step; gradients.safetensors with that step's LoRA gradients. mixed.gguf is one
more model, whose matrices are in all quantised formats by turns (random blocks where gguf-py only reads a format). Numbers are
float32, eager attention, on the CPU. The tokenizer, one for all, lies in tokenizer/; tokenizer/sentencepiece.json holds a
SentencePiece vocabulary as GGUF stores it with encodings by the sentencepiece library.
"""
import collections
import copy
import io
import json
import math
import os
import shutil
import sys

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

VOCABULARY = 300
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TEXT = ["How do I boil an egg?", "the cat sat on the mat", "there is nothing that they could do", "in 42 ways, and then some"] * 4
FACTORS = [1.0, 1.3, 2.2]
SIZES = dict(
    vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0,
)
SEPARATE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FAMILIES = {
    "llama": dict(
        model_type="llama", tie_word_embeddings=True, attention_bias=True,
        rope_parameters=dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32),
    ),
    "mistral": dict(model_type="mistral", sliding_window=8, tie_word_embeddings=False),
    "qwen2": dict(
        model_type="qwen2", tie_word_embeddings=True,
        rope_parameters=dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=32),
    ),
    "qwen3": dict(model_type="qwen3", tie_word_embeddings=True, head_dim=16, rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.0)),
    "phi3": dict(
        model_type="phi3", tie_word_embeddings=False, sliding_window=20, original_max_position_embeddings=24,
        rope_parameters=dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.75, short_factor=FACTORS, long_factor=[x * x for x in FACTORS]),
    ),
    "gemma2": dict(
        model_type="gemma2", tie_word_embeddings=True, sliding_window=8, query_pre_attn_scalar=8,
        attn_logit_softcapping=2.0, final_logit_softcapping=4.0,
    ),
    "gemma3": dict(
        model_type="gemma3_text", tie_word_embeddings=True, sliding_window=8, query_pre_attn_scalar=8, layer_types=["sliding_attention", "full_attention"],
        rope_parameters=dict(
            full_attention=dict(rope_type="linear", rope_theta=100000.0, factor=8.0),
            sliding_attention=dict(rope_type="default", rope_theta=1000.0),
        ),
    ),
    "olmo2": dict(model_type="olmo2", tie_word_embeddings=False),
    "smollm3": dict(model_type="smollm3", tie_word_embeddings=True, num_hidden_layers=4, rope_parameters=dict(rope_type="default", rope_theta=2000.0)),
    "granite": dict(
        model_type="granite", tie_word_embeddings=True, embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.6, logits_scaling=1.5,
    ),
}
# llama.cpp: name of the architecture, and whether the converter turns rows of q and k into neighbouring pairs.
# It has no Mistral of its own, and what it calls llama has no window.
GGUF = {
    "llama": ("llama", True), "qwen2": ("qwen2", False), "qwen3": ("qwen3", False), "phi3": ("phi3", False),
    "gemma2": ("gemma2", False), "gemma3": ("gemma3", False), "olmo2": ("olmo2", False), "smollm3": ("smollm3", True),
    "granite": ("granite", True),
}


def merges(count):
    """The most frequent pairs, one after another; by the alphabet where they are equally frequent, so that runs agree."""
    words = [list(word) for line in TEXT for word, _ in pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(line)]
    found = []
    while len(found) < count:
        pairs = collections.Counter(pair for word in words for pair in zip(word, word[1:]))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append(best)
        for word in words:
            for i in range(len(word) - 2, -1, -1):
                if i + 1 < len(word) and (word[i], word[i + 1]) == best:
                    word[i : i + 2] = ["".join(best)]
    return found


def make_tokenizer(out):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = merges(VOCABULARY - len(SPECIAL) - len(alphabet))
    tokens = [*SPECIAL, *alphabet, *("".join(pair) for pair in pairs)]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=pairs))
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=SPECIAL[1], eos_token=SPECIAL[2], pad_token=SPECIAL[0], chat_template=TEMPLATE
    )
    fast.save_pretrained(f"{out}/tokenizer")
    return fast


def make_model(name, seed):
    torch.manual_seed(seed)
    options = {**SIZES, **FAMILIES[name]}
    config = AutoConfig.for_model(options.pop("model_type"), **options)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            normal = torch.randn_like(weight)
            if "norm" in key:
                weight.copy_(normal * 0.2 + (0.0 if "gemma" in name else 1.0))
            elif "embed" in key or "lm_head" in key:
                weight.copy_(normal * 0.5)
            else:
                weight.copy_(normal * (0.3 if weight.ndim == 2 else 0.2))
        # The numbers of a 16-bit file are what everyone computes with.
        kind = torch.float16 if name == "mistral" else torch.bfloat16
        for weight in model.parameters():
            weight.copy_(weight.to(kind).float())
    model.generation_config.eos_token_id = 2
    return model, kind


def save_model(model, kind, folder):
    shutil.rmtree(folder, ignore_errors=True)
    sharded = {"max_shard_size": "20KB"} if kind == torch.float16 else {}
    # A copy: the way to 16 bits and back would round the rotary frequencies of the model itself.
    copy.deepcopy(model).to(kind).save_pretrained(folder, **sharded)


def sequences(vocabulary):
    generator = torch.Generator().manual_seed(5)
    draw = lambda n: torch.randint(3, vocabulary, (n,), generator=generator).tolist()
    return [{"prompt": draw(5), "completion": draw(6)}, {"prompt": draw(40), "completion": draw(9)}]


def logprobs(model, prompt, completion):
    logits = model(torch.tensor([prompt + completion[:-1]])).logits[0].log_softmax(-1)
    rows = torch.arange(len(prompt) - 1, len(prompt) + len(completion) - 1)
    return logits, logits[rows, torch.tensor(completion)]


def greedy(model, prompt, count):
    """Token by token without a cache, so that a family's own cache handling does not enter; also the smallest margin."""
    ids, margin = list(prompt), math.inf
    for _ in range(count):
        top = model(torch.tensor([ids])).logits[0, -1].topk(2)
        margin = min(margin, (top.values[0] - top.values[1]).item())
        ids.append(top.indices[0].item())
    return ids[len(prompt):], margin


def golden(model, name):
    rows = sequences(VOCABULARY)
    with torch.no_grad():
        for row in rows:
            logits, logp = logprobs(model, row["prompt"], row["completion"])
            row["next"] = [round(x, 5) for x in logits[len(row["prompt"]) - 1, :32].tolist()]
            row["logp"] = [round(x, 5) for x in logp.tolist()]
            tokens, margin = greedy(model, row["prompt"], 12)
            if margin < 5e-3 or 2 in tokens:
                return None
            row["greedy"] = tokens
    return rows


def train_step(model, folder, rows, fused):
    """LoRA with B away from zero, so that both matrices have gradients; loss = mean over all completion tokens."""
    targets = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"] if fused else SEPARATE
    peft = get_peft_model(model, LoraConfig(r=2, lora_alpha=4, target_modules=targets, task_type="CAUSAL_LM"))
    torch.manual_seed(3)
    for key, weight in peft.named_parameters():
        if "lora_" in key:
            weight.data.copy_(torch.randn_like(weight) * 0.1)
    peft.save_pretrained(f"{folder}/adapter")
    os.remove(f"{folder}/adapter/README.md")
    path = f"{folder}/adapter/adapter_config.json"
    with open(path) as f:
        settings = json.load(f)
    settings["target_modules"].sort()  # PEFT writes a set
    with open(path, "w") as f:
        json.dump(settings, f, indent=2)
    logps = [logprobs(peft, row["prompt"], row["completion"])[1] for row in rows]
    loss = -torch.cat(logps).mean()
    loss.backward()
    gradients = {
        key.replace(".default.weight", "").replace("base_model.model.", "", 1): weight.grad.contiguous()
        for key, weight in peft.named_parameters() if "lora_" in key
    }
    save_file(gradients, f"{folder}/gradients.safetensors", metadata={"format": "pt"})
    return round(loss.item(), 6), [[round(x, 5) for x in logp.tolist()] for logp in logps]


def paired(weight, heads):
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def rope_keys(writer, config, name):
    rope = config.rope_parameters
    if name == "gemma3":
        writer.add_rope_freq_base(rope["full_attention"]["rope_theta"])
        writer.add_rope_freq_base_swa(rope["sliding_attention"]["rope_theta"])
        rope = rope["full_attention"]
    else:
        writer.add_rope_freq_base(rope["rope_theta"])
    kind = rope["rope_type"]
    if kind in ("linear", "yarn", "longrope"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_factor(rope["factor"])
    if kind in ("yarn", "longrope"):
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if kind == "longrope":
        scale = config.max_position_embeddings / rope["original_max_position_embeddings"]
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(rope["original_max_position_embeddings"])))
        writer.add_rope_dimension_count(int(config.head_dim * rope["partial_rotary_factor"]))
        writer.add_tensor("rope_factors_long.weight", np.array(rope["long_factor"], np.float32))
        writer.add_tensor("rope_factors_short.weight", np.array(rope["short_factor"], np.float32))
    if kind == "llama3":
        size = config.head_dim
        plain = rope["rope_theta"] ** -(np.arange(0, size, 2, dtype=np.float64) / size)
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
        stretched, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
        writer.add_tensor("rope_freqs.weight", (plain / stretched.double().numpy()).astype(np.float32))


def save_gguf(model, name, path, tokenizer, raws={}):
    """`raws`: matrices that are stored as given, (bytes, format), by their Hugging Face names."""
    arch, permuted = GGUF[name]
    config = model.config
    writer = gguf.GGUFWriter(path, arch)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    rope_keys(writer, config, name)
    if name in ("phi3", "gemma2", "gemma3"):
        writer.add_sliding_window(config.sliding_window)
    if name == "gemma3":
        writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in config.layer_types])
    if name == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if name == "granite":
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary = sorted(state["model"]["vocab"].items(), key=lambda item: item[1])
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token, _ in vocabulary])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in state["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template(TEMPLATE)
    names = gguf.get_tensor_name_map(next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == arch), config.num_hidden_layers)
    for key, weight in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        data = weight.numpy()
        if "gemma" in name and "norm" in key:
            data = data + 1
        if permuted and ".q_proj." in key:
            data = paired(data, config.num_attention_heads)
        if permuted and ".k_proj." in key:
            data = paired(data, config.num_key_value_heads)
        theirs = names.get_name(key, try_suffixes=(".weight", ".bias"))
        if key in raws:
            raw, kind = raws[key]
            writer.add_tensor(theirs, raw, raw_dtype=kind)
        elif data.ndim == 1:
            writer.add_tensor(theirs, data.astype(np.float32))
        else:
            kind = gguf.GGMLQuantizationType.BF16
            writer.add_tensor(theirs, gguf.quants.quantize(np.ascontiguousarray(data), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# Formats of the rows of 256 and of 32 elements in the mixed file, taken in turn; where gguf-py cannot write a format, where
# its blocks keep their float16 scales.
WIDE = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "Q8_0", "F16"]
NARROW = ["Q4_0", "Q4_1", "Q5_0", "Q5_1"]
SCALES = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "IQ4_NL": (0,)}


def quantised(shape, name, rng, std):
    """Raw rows of a format, and the float32 weights that they stand for, of about this standard deviation."""
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    normal = (rng.standard_normal(shape) * std).astype(np.float32)
    if name == "F16":
        raw = normal.astype(np.float16)
        return raw, raw.astype(np.float32), None
    if name not in SCALES:
        raw = gguf.quants.quantize(normal, kind)
        return raw, gguf.quants.dequantize(raw, kind), kind
    raw = rng.integers(0, 256, (shape[0], shape[1] // elements, size), dtype=np.uint8)
    def scaled(scale):
        for at in SCALES[name]:
            raw[:, :, at : at + 2] = np.frombuffer(np.float16(scale).tobytes(), np.uint8)
        rows = raw.reshape(shape[0], -1)
        return rows, gguf.quants.dequantize(rows, kind), kind
    return scaled(std / scaled(1)[1].std())


def mixed_file(out, tokenizer):
    """A Qwen3 whose matrices are stored in every quantised format: mixed.gguf and mixed.json."""
    torch.manual_seed(1)
    options = {**SIZES, **FAMILIES["qwen3"], "hidden_size": 256, "intermediate_size": 32}
    config = AutoConfig.for_model(options.pop("model_type"), **options)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
    for seed in range(100):
        rng = np.random.default_rng(seed)
        raws, counts = {}, {256: 0, 32: 0}
        for key, weight in model.named_parameters():
            if weight.ndim != 2:
                continue
            columns = weight.shape[1] if weight.shape[1] == 256 else 32
            names = WIDE if columns == 256 else NARROW
            name = names[counts[columns] % len(names)]
            counts[columns] += 1
            raw, values, kind = quantised(tuple(weight.shape), name, rng, 0.5 if "embed" in key else 1.5 / math.sqrt(columns))
            weight.data.copy_(torch.from_numpy(values))
            raws[key] = (raw, kind)
        rows = golden(model, "mixed")
        if rows:
            break
    save_gguf(model, "qwen3", f"{out}/mixed.gguf", tokenizer, raws)
    with open(f"{out}/mixed.json", "w") as f:
        json.dump({"rows": rows}, f, separators=(",", ":"))
    print("mixed seed", seed)


def sentencepiece_fixture(path):
    import sentencepiece as spm

    blob = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT * 4), model_writer=blob, vocab_size=340, model_type="bpe", byte_fallback=True,
        character_coverage=1.0, normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2, hard_vocab_limit=False,
    )
    model = spm.SentencePieceProcessor(model_proto=blob.getvalue())
    def kind(i):
        if model.is_unknown(i): return gguf.TokenType.UNKNOWN
        if model.is_control(i): return gguf.TokenType.CONTROL
        return gguf.TokenType.BYTE if model.is_byte(i) else gguf.TokenType.NORMAL
    count = model.get_piece_size()
    texts = TEXT[:4] + ["they  sat  there", "naïve 日本 cats\n\tthen", "", "x"]
    with open(path, "w") as f:
        json.dump({
            "tokens": [model.id_to_piece(i) for i in range(count)], "scores": [model.get_score(i) for i in range(count)],
            "types": [int(kind(i)) for i in range(count)], "encodings": [[text, model.encode(text)] for text in texts],
        }, f, ensure_ascii=False, separators=(",", ":"))


def main():
    out = sys.argv[1]
    chosen = sys.argv[2:] or list(FAMILIES)
    os.makedirs(out, exist_ok=True)
    tokenizer = make_tokenizer(out)
    if chosen == list(FAMILIES):
        sentencepiece_fixture(f"{out}/tokenizer/sentencepiece.json")
    if "mixed" in chosen or chosen == list(FAMILIES):
        mixed_file(out, tokenizer)
    for name in [name for name in chosen if name in FAMILIES]:
        folder = f"{out}/{name}"
        for seed in range(100):
            model, kind = make_model(name, seed)
            rows = golden(model, name)
            if rows:
                break
        else:
            raise SystemExit(f"{name}: every seed has a greedy token that rounding could change")
        save_model(model, kind, folder)
        if name in GGUF:
            save_gguf(model, name, f"{out}/{name}.gguf", tokenizer)
        loss, adapted = train_step(model, folder, rows, name == "phi3")
        for row, logp in zip(rows, adapted):
            row["adaptedLogp"] = logp
        with open(f"{out}/{name}.json", "w") as f:
            json.dump({"loss": loss, "rows": rows}, f, separators=(",", ":"))
        print(name, "seed", seed, "loss", loss)
    for directory, _, files in os.walk(out):
        for file in files:
            os.chmod(os.path.join(directory, file), 0o644)  # safetensors writes files that only their owner reads


main()
