"""A model file with nothing in it: every weight is zero, and llama.cpp takes as long for it as for any other.

A bare header and a file of the right length: on most file systems it takes almost no room.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from kb.calc.memory.tensor_types import TENSOR_TYPES

HEAD = 64
"""Width of an attention head."""
_BYTES = [f"<0x{byte:02X}>".encode() for byte in range(256)]
_TOKENS = [b"<unk>", b"<s>", b"</s>", *_BYTES]
_TOKEN_TYPES = [gguf.TokenType.UNKNOWN, *[gguf.TokenType.CONTROL] * 2, *[gguf.TokenType.BYTE] * len(_BYTES)]


@dataclass(frozen=True)
class Hollow:
    """A model like Llama whose feed-forward part is four times as wide as the rest; matrices are of one type."""

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
        writer.add_head_count_kv(max(1, self.width // HEAD // 4))
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_dimension_count(HEAD)
        writer.add_tokenizer_model("llama")
        writer.add_token_list(_TOKENS)
        writer.add_token_scores([0.0] * len(_TOKENS))
        writer.add_token_types(_TOKEN_TYPES)
        size = 0
        for name, shape, kind in self._tensors():
            length = TENSOR_TYPES[kind].bytes_of(int(np.prod(shape)))
            stored = gguf.GGMLQuantizationType[kind.upper()]
            writer.add_tensor_info(f"{name}.weight", shape, np.dtype(np.float32), length, stored)
            size += writer.ggml_pad(length, writer.data_alignment)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        writer.close()
        with path.open("r+b") as file:
            file.truncate(writer.ggml_pad(path.stat().st_size, writer.data_alignment) + size)

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
                yield f"blk.{layer}.{name}", max(1, self.width // HEAD // 4) * HEAD, self.width
            yield f"blk.{layer}.ffn_gate", 4 * self.width, self.width
            yield f"blk.{layer}.ffn_up", 4 * self.width, self.width
            yield f"blk.{layer}.ffn_down", self.width, 4 * self.width
