"""The trained model as GGUF: F16 by ``gguf``, Q8_0 by llama.cpp's quantizer; its logits are held against PyTorch's."""

import json
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from kb.llm.llama import TRAINED_KEY
from train.model import CONTEXT
from train.tokenizer import ANSWER, END, USER

NAME = "Hardware KB built-in"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    f"{USER}{{{{ message['content'] }}}}"
    "{% endif %}{% endfor %}"
    f"{{% if add_generation_prompt %}}{ANSWER}{{% endif %}}"
)
"""It has learned one task and takes no system message."""


def write_f16(model: LlamaForCausalLM, tokenizer: Tokenizer, path: Path) -> Path:
    config = model.config
    heads = config.num_attention_heads
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(NAME)
    writer.add_license("Apache-2.0")
    writer.add_string(TRAINED_KEY, "explanations and planned calls")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    _add_tokenizer(writer, tokenizer)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight":  # tied to the input embedding
            continue
        array = tensor.float().numpy()
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            array = _permuted(array, heads)
        writer.add_tensor(_gguf_name(name), array.astype(np.float32 if array.ndim == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def quantize_q8_0(source: Path, target: Path) -> Path:
    """Raises ``RuntimeError`` where llama.cpp refuses."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    if llama_cpp.llama_model_quantize(bytes(source), bytes(target), params):
        raise RuntimeError(f"llama.cpp cannot quantize {source}")
    return target


def difference(model: LlamaForCausalLM, tokenizer: Tokenizer, path: Path, text: str) -> float:
    """The largest distance of llama.cpp's log-probabilities from PyTorch's over ``text``, among the likely tokens.

    Raises ``ValueError`` where the two tokenizers split the text differently.
    """
    llama = llama_cpp.Llama(model_path=str(path), n_ctx=CONTEXT, logits_all=True, verbose=False)
    ids = tokenizer.encode(text).ids
    other = llama.tokenize(text.encode(), add_bos=False, special=True)
    if list(ids) != list(other):
        raise ValueError(f"the tokenizers differ: {ids} and {other}")
    llama.eval(ids)
    theirs = torch.log_softmax(torch.tensor(llama.scores[: len(ids)]), dim=-1)
    with torch.no_grad():
        ours = torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), dim=-1)
    likely = ours > np.log(1e-3)
    return float((ours - theirs)[likely].abs().max())


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    state: dict[str, Any] = json.loads(tokenizer.to_str())
    vocabulary = sorted(state["model"]["vocab"].items(), key=lambda item: item[1])
    special = {token["content"] for token in state["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types(
        [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token, _ in vocabulary]
    )
    writer.add_token_merges([" ".join(merge) for merge in state["model"]["merges"]])
    writer.add_eos_token_id(tokenizer.token_to_id(END))
    writer.add_pad_token_id(tokenizer.token_to_id(END))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _permuted(weights: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Llama's rotary halves from Hugging Face's order to llama.cpp's (convert_hf_to_gguf.py, ``permute``)."""
    rows, columns = weights.shape
    return weights.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


_TENSORS = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def _gguf_name(name: str) -> str:
    """
    >>> _gguf_name("model.layers.3.self_attn.q_proj.weight")
    'blk.3.attn_q.weight'
    """
    plain = name.removeprefix("model.").removesuffix(".weight")
    if plain.startswith("layers."):
        _, number, part = plain.split(".", 2)
        return f"blk.{number}.{_TENSORS[part]}.weight"
    return {"embed_tokens": "token_embd", "norm": "output_norm"}[plain] + ".weight"
