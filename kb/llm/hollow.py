"""A model file with anything in it: llama.cpp takes as long for it as for any other of its shape and type."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gguf
import numpy as np

from kb.calc.memory.tensor_types import TENSOR_TYPES

HEAD = 64
"""Width of an attention head."""
KV_SHARE = 4
"""Heads of the query that share one of key and value."""
SCALES = {
    "f16": (0, ()), "q4_0": (0, (1,)), "q4_1": (0, (1, -7.5)), "q8_0": (0, (1,)), "q4_k": (0, (1, 7.5)),
    "q5_k": (0, (1, 15.5)), "q6_k": (208, (1,)),
}  # fmt: skip
"""By type: where in a block its numbers of half precision begin (ggml/src/ggml-common.h), and how large they are beside
one another so that the weights lie about zero."""
SCALE = (0.003, 0.009)
_BLOCKS = 4096
_BYTES = [f"<0x{byte:02X}>".encode() for byte in range(256)]
_TOKENS = [b"<unk>", b"<s>", b"</s>", *_BYTES]
_TOKEN_TYPES = [gguf.TokenType.UNKNOWN, *[gguf.TokenType.CONTROL] * 2, *[gguf.TokenType.BYTE] * len(_BYTES)]


@dataclass(frozen=True)
class Hollow:
    """A model like Llama whose feed-forward part is four times as wide as the rest, with a few tokens; all matrices of
    its layers are of one type."""

    type_name: str
    width: int
    layers: int

    @property
    def weights(self) -> int:
        """In the matrices of all layers."""
        return sum(rows * columns for _, rows, columns in self._matrices())

    @property
    def bytes(self) -> int:
        """The same."""
        return TENSOR_TYPES[self.type_name].bytes_of(self.weights)

    def write(self, path: Path) -> None:
        """Raises ``OSError``."""
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_context_length(4096)
        writer.add_embedding_length(self.width)
        writer.add_block_count(self.layers)
        writer.add_feed_forward_length(4 * self.width)
        writer.add_head_count(self.width // HEAD)
        writer.add_head_count_kv(self.width // HEAD // KV_SHARE)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_dimension_count(HEAD)
        writer.add_tokenizer_model("llama")
        writer.add_token_list(_TOKENS)
        writer.add_token_scores([0.0] * len(_TOKENS))
        writer.add_token_types(_TOKEN_TYPES)
        for name, shape, kind in self._tensors():
            length = TENSOR_TYPES[kind].bytes_of(int(np.prod(shape)))
            stored = gguf.GGMLQuantizationType[kind.upper()]
            writer.add_tensor_info(f"{name}.weight", shape, np.dtype(np.float32), length, stored)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        writer.close()
        with path.open("ab") as file:
            for _, shape, kind in self._tensors():
                file.write(bytes(-file.tell() % writer.data_alignment))
                left = TENSOR_TYPES[kind].bytes_of(int(np.prod(shape)))
                some = _blocks(kind)
                while left > 0:
                    left -= file.write(some[:left])

    def _tensors(self) -> Iterator[tuple[str, tuple[int, ...], str]]:
        yield "token_embd", (len(_TOKENS), self.width), "f32"
        yield "output_norm", (self.width,), "f32"
        for layer in range(self.layers):
            yield f"blk.{layer}.attn_norm", (self.width,), "f32"
            yield f"blk.{layer}.ffn_norm", (self.width,), "f32"
        for name, rows, columns in self._matrices():
            yield name, (rows, columns), self.type_name

    def _matrices(self) -> Iterator[tuple[str, int, int]]:
        for layer in range(self.layers):
            for name in ("attn_q", "attn_output"):
                yield f"blk.{layer}.{name}", self.width, self.width
            for name in ("attn_k", "attn_v"):
                yield f"blk.{layer}.{name}", self.width // KV_SHARE, self.width
            yield f"blk.{layer}.ffn_gate", 4 * self.width, self.width
            yield f"blk.{layer}.ffn_up", 4 * self.width, self.width
            yield f"blk.{layer}.ffn_down", self.width, 4 * self.width


@cache
def _blocks(type_name: str) -> bytes:
    """As real ones look, about zero and each block with a scale of its own: ggml looks these up in a table, which is
    faster where they are alike."""
    random = np.random.default_rng(0)
    if type_name in ("f32", "f16"):
        numbers = random.normal(0.0, 1.0 if type_name == "f32" else 0.02, _BLOCKS)
        return numbers.astype(np.float32 if type_name == "f32" else np.float16).tobytes()
    blocks = random.integers(0, 256, (_BLOCKS, TENSOR_TYPES[type_name].block_bytes), dtype=np.uint8)
    start, sizes = SCALES[type_name]
    scales = np.outer(random.uniform(*SCALE, _BLOCKS), sizes).astype(np.float16).view(np.uint8)
    blocks[:, start : start + scales.shape[1]] = scales
    return blocks.tobytes()
