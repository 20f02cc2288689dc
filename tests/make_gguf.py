"""Tiny GGUF files for tests: llama's architecture with random weights, which real llama.cpp loads in milliseconds."""

from pathlib import Path

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, FEED_FORWARD = 64, 2, 2, 128
LONGEST_CONTEXT = 1 << 20
CONTROL_TOKENS = ("<|im_start|>", "<|im_end|>", "<kb-secret>")
"""``<kb-secret>`` has a form that nobody would guess: it is known from the vocabulary alone."""
USER_DEFINED_TOKEN = "<kb-tool>"
"""What Qwen's ``<tool_call>`` is: no control token, and yet one token with a meaning."""

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def make_gguf(
    path: Path,
    *,
    template: str | None = CHATML,
    context: int = LONGEST_CONTEXT,
    seed: int = 0,
    any_token: bool = False,
) -> Path:
    """Writes the file. The model writes printable ASCII for ever: nothing else, its end token included, is likely.

    With ``any_token`` every token is: bytes of any script, control tokens, the end."""
    tokens, types = _vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    if template is not None:
        writer.add_chat_template(template)
    for name, tensor in _tensors(len(tokens), np.random.default_rng(seed), any_token).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def quantize_gguf(source: Path, target: Path) -> Path:
    """The file in Q8_0, through llama.cpp."""
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    status = llama_cpp.llama_model_quantize(bytes(source), bytes(target), params)
    assert status == 0, f"llama_model_quantize returned {status}"
    return target


def truncate(source: Path, target: Path, *, keep: float = 0.5) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])
    return target


def _vocabulary() -> tuple[list[bytes], list[gguf.TokenType]]:
    tokens = [b"<unk>", b"<s>", b"</s>"]
    types = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    tokens += [f"<0x{byte:02X}>".encode() for byte in range(256)]
    types += [gguf.TokenType.BYTE] * 256
    tokens += [token.encode() for token in CONTROL_TOKENS]
    types += [gguf.TokenType.CONTROL] * len(CONTROL_TOKENS)
    tokens += [USER_DEFINED_TOKEN.encode(), "▁".encode()]  # the second is sentencepiece's space
    types += [gguf.TokenType.USER_DEFINED, gguf.TokenType.NORMAL]
    return tokens, types


def _tensors(vocabulary: int, random: np.random.Generator, any_token: bool) -> dict[str, np.ndarray]:
    def weights(rows: int, columns: int, scale: float) -> np.ndarray:
        return (random.standard_normal((rows, columns)) * scale).astype(np.float32)

    ones = np.ones(WIDTH, dtype=np.float32)
    output = np.zeros((vocabulary, WIDTH), dtype=np.float32)
    printable = slice(3 + ord(" "), 3 + ord("~") + 1)
    output[printable] = weights(ord("~") - ord(" ") + 1, WIDTH, 1.0)
    if any_token:
        output = weights(vocabulary, WIDTH, 1.0)
    tensors = {
        "token_embd.weight": weights(vocabulary, WIDTH, 1.0),
        "output_norm.weight": ones,
        "output.weight": output,
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        tensors[f"{block}.attn_norm.weight"] = ones
        tensors[f"{block}.ffn_norm.weight"] = ones
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors[f"{block}.{name}.weight"] = weights(WIDTH, WIDTH, 0.2)
        for name in ("ffn_gate", "ffn_up"):
            tensors[f"{block}.{name}.weight"] = weights(FEED_FORWARD, WIDTH, 0.2)
        tensors[f"{block}.ffn_down.weight"] = weights(WIDTH, FEED_FORWARD, 0.2)
    return tensors
