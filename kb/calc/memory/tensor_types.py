"""The storage types of ggml tensors: how many weights a block holds and how many bytes it takes.

Source: llama.cpp, ggml/src/ggml-common.h (the block structs) and ggml/src/ggml.c (their names).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorType:
    name: str
    block_weights: int
    block_bytes: int

    @property
    def bits_per_weight(self) -> float:
        """
        >>> TENSOR_TYPES["q6_k"].bits_per_weight
        6.5625
        """
        return self.block_bytes * 8 / self.block_weights

    def bytes_of(self, elements: int) -> int:
        """Bytes of ``elements`` weights in whole blocks.

        >>> TENSOR_TYPES["q4_k"].bytes_of(4096 * 4096)
        9437184
        """
        return -(-elements // self.block_weights) * self.block_bytes


TENSOR_TYPES: dict[str, TensorType] = {
    name: TensorType(name, block_weights, block_bytes)
    for name, block_weights, block_bytes in (
        ("f32", 1, 4), ("f16", 1, 2), ("bf16", 1, 2),
        ("q4_0", 32, 18), ("q4_1", 32, 20), ("q5_0", 32, 22), ("q5_1", 32, 24), ("q8_0", 32, 34),
        ("q2_k", 256, 84), ("q3_k", 256, 110), ("q4_k", 256, 144), ("q5_k", 256, 176), ("q6_k", 256, 210),
        ("iq1_s", 256, 50), ("iq1_m", 256, 56), ("iq2_xxs", 256, 66), ("iq2_xs", 256, 74),
        ("iq2_s", 256, 82), ("iq3_xxs", 256, 98), ("iq3_s", 256, 110), ("iq4_xs", 256, 136), ("iq4_nl", 32, 18),
        ("tq1_0", 256, 54), ("tq2_0", 256, 66), ("mxfp4", 32, 17), ("nvfp4", 64, 36), ("q1_0", 128, 18),
        ("q2_0", 64, 18),
    )
}  # fmt: skip

KV_CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")


def cache_types(kind: str) -> tuple[str, str]:
    """Of K and of V.

    >>> cache_types("q8_0"), cache_types("q8_0/q4_0")
    (('q8_0', 'q8_0'), ('q8_0', 'q4_0'))
    """
    keys, _, values = kind.partition("/")
    return keys, values or keys


"""What llama.cpp's ``--cache-type-k`` and ``--cache-type-v`` take (common/arg.cpp)."""

# What a type falls back on when a row does not hold whole blocks of it (llama-quant.cpp, tensor_type_fallback).
_FALLBACK = {
    "q2_k": "q4_0", "q3_k": "q4_0", "q2_0": "q4_0", "tq1_0": "q4_0", "tq2_0": "q4_0",
    "q4_k": "q5_0", "q5_k": "q5_1", "q6_k": "q8_0",
    **dict.fromkeys(("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s", "iq4_xs"), "iq4_nl"),
}  # fmt: skip


def storable(name: str, columns: int) -> TensorType:
    """The type itself, or what llama.cpp takes in its place for rows of ``columns`` weights.

    >>> storable("q4_k", 4096).name, storable("q4_k", 2880).name, storable("q6_k", 33).name
    ('q4_k', 'q5_0', 'f16')
    """
    wanted = TENSOR_TYPES[name]
    if columns % wanted.block_weights == 0:
        return wanted
    substitute = TENSOR_TYPES[_FALLBACK.get(name, "f16")]
    return substitute if columns % substitute.block_weights == 0 else TENSOR_TYPES["f16"]
