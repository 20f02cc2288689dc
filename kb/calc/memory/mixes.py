"""Which tensor gets which type in llama.cpp's quantization mixes (Q4_K_M, IQ3_XXS ...).

Source: llama.cpp, src/llama-quant.cpp (``llama_tensor_get_type_impl``). Files on download pages are made
without an importance matrix for the legacy and K types and with one for most i-quants.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal[
    "token_embd",
    "output",
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_output",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
    "router",
    "other",
]

DEFAULT_TYPES: dict[str, str] = {
    **{name: name for name in (
        "f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q6_k", "tq1_0", "tq2_0", "q1_0", "q2_0",
        "iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq3_xxs", "iq3_s", "iq4_nl", "iq4_xs",
    )},
    "q2_k": "q2_k", "q2_k_s": "q2_k", "q3_k_s": "q3_k", "q3_k_m": "q3_k", "q3_k_l": "q3_k",
    "q4_k_s": "q4_k", "q4_k_m": "q4_k", "q5_k_s": "q5_k", "q5_k_m": "q5_k",
    "iq2_s": "iq2_xs", "iq2_m": "iq2_s", "iq3_xs": "iq3_s", "iq3_m": "iq3_s", "mxfp4": "mxfp4",
}  # fmt: skip
"""The bulk type of each mix, by the mix's name in lower case."""

LARGE_VOCABULARY = {
    "q2_k_l": "q2_k", "q3_k_xl": "q3_k_l", "q4_k_l": "q4_k_m", "q5_k_l": "q5_k_m", "q6_k_l": "q6_k",
}  # fmt: skip
"""bartowski's mixes: of one of llama.cpp's, with embedding and output head at Q8_0."""
DEFAULT_TYPES |= {name: DEFAULT_TYPES[base] for name, base in LARGE_VOCABULARY.items()}

_UNDER_3_BITS = ("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq2_m")


@dataclass(frozen=True)
class MixShape:
    """What the choice of types depends on, beside the mix."""

    layers: int
    attention_layers: int
    grouped_heads: int
    """Attention heads per KV head."""
    experts: int
    tied: bool


def use_more_bits(layer: int, layers: int) -> bool:
    """The first and the last eighth of the layers, and every third between.

    >>> [layer for layer in range(32) if use_more_bits(layer, 32)][:8]
    [0, 1, 2, 3, 6, 9, 12, 15]
    """
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def tensor_type_name(mix: str, role: Role, layer: int, shape: MixShape, *, expert: bool = False) -> str:
    """The type that ``mix`` gives a tensor; ``layer`` counts tensors of its role from 0.

    >>> shape = MixShape(layers=32, attention_layers=32, grouped_heads=4, experts=0, tied=False)
    >>> tensor_type_name("q4_k_m", "ffn_down", 0, shape), tensor_type_name("q4_k_m", "ffn_up", 0, shape)
    ('q6_k', 'q4_k')
    """
    if mix in LARGE_VOCABULARY:
        if role in ("output", "token_embd"):
            return "q8_0"
        mix = LARGE_VOCABULARY[mix]
    bulk = DEFAULT_TYPES[mix]
    if role == "router":
        return "f32"
    if bulk in ("f32", "f16", "bf16"):
        return bulk
    if role == "output" or (role == "token_embd" and shape.tied):
        return _output(mix, bulk)
    if mix == "mxfp4":
        return "mxfp4" if expert else "q8_0"
    if role == "token_embd":
        return _token_embd(mix, bulk)
    if mix in _UNDER_3_BITS:
        return _under_3_bits(mix, bulk, role, layer, shape)
    match role:
        case "attn_v":
            return _attn_v(mix, bulk, layer, shape)
        case "attn_k" if shape.experts == 8:
            return "q8_0"
        case "attn_k" | "attn_q":
            return {"iq3_xs": "iq3_xxs", "iq3_xxs": "iq2_s"}.get(mix, bulk)
        case "attn_output":
            return _attn_output(mix, bulk, shape)
        case "ffn_down":
            return _ffn_down(mix, bulk, layer, shape)
        case "ffn_gate" | "ffn_up" if mix == "iq3_xs":
            middle = shape.layers // 8 <= layer < 7 * shape.layers // 8
            return "iq3_xxs" if middle else bulk
    return bulk


def _output(mix: str, bulk: str) -> str:
    if mix == "mxfp4" or bulk == "q8_0":
        return "q8_0"
    return "q5_k" if mix in _UNDER_3_BITS or mix == "iq3_xxs" else "q6_k"


def _token_embd(mix: str, bulk: str) -> str:
    special = {
        **dict.fromkeys(("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs"), "q2_k"),
        **dict.fromkeys(("iq2_s", "iq2_m", "iq3_xxs"), "iq3_s"),
        **dict.fromkeys(("tq1_0", "tq2_0", "q2_0"), "q4_k"),
    }
    return special.get(mix, bulk)


def _under_3_bits(mix: str, bulk: str, role: Role, layer: int, shape: MixShape) -> str:
    better = "iq3_s" if mix in ("iq2_s", "iq2_m") else "q2_k"
    match role:
        case "attn_v":
            return "q4_k" if shape.grouped_heads >= 4 or shape.experts >= 4 else better
        case "attn_k" if shape.experts == 8:
            return "q4_k"
        case "ffn_down" if layer < shape.layers // 8:
            return better
        case "attn_output" if shape.experts == 8:
            return "q5_k"
        case "attn_output":
            return {"iq1_s": "iq2_xxs", "iq1_m": "iq2_xxs", "iq2_s": "iq3_s", "iq2_m": "iq3_s"}.get(mix, bulk)
    return bulk


def _attn_v(mix: str, bulk: str, layer: int, shape: MixShape) -> str:
    if shape.experts == 8:
        return "q8_0"
    grouped = shape.grouped_heads >= 4
    chosen = bulk
    match mix:
        case "q2_k":
            chosen = "q4_k" if grouped else "q3_k"
        case "q2_k_s" | "iq3_xxs" | "iq3_xs" | "iq3_s" if grouped:
            chosen = "q4_k"
        case "iq3_m":
            chosen = "q4_k"
        case "q3_k_m":
            chosen = "q5_k" if layer < 2 else "q4_k"
        case "q3_k_l":
            chosen = "q5_k"
        case "iq4_nl" | "iq4_xs" if grouped:
            chosen = "q5_k"
        case "q4_k_m" | "q5_k_m" if use_more_bits(layer, shape.attention_layers):
            chosen = "q6_k"
        case "q4_k_s" if layer < 4:
            chosen = "q5_k"
    # llama.cpp takes 80 layers with grouped heads for "the 70B", where attn_v is small.
    if shape.layers == 80 and shape.grouped_heads > 1 and chosen in ("q3_k", "q4_k"):
        return "q5_k"
    return chosen


def _attn_output(mix: str, bulk: str, shape: MixShape) -> str:
    if shape.experts == 8:
        bumped = ("q2_k", "q3_k_s", "q3_k_m", "q4_k_s", "q4_k_m")
        return "q5_k" if mix in bumped or mix.startswith(("iq3", "iq4")) else bulk
    return {"q2_k": "q3_k", "iq3_xxs": "iq3_s", "q3_k_m": "q4_k", "q3_k_l": "q5_k", "iq3_m": "q4_k"}.get(mix, bulk)


def _ffn_down(mix: str, bulk: str, layer: int, shape: MixShape) -> str:
    first_eighth = layer < shape.layers // 8
    more = use_more_bits(layer, shape.layers)
    match mix:
        case "q2_k":
            return "q3_k"
        case "q2_k_s" if first_eighth:
            return "q4_k"
        case "q3_k_m":
            return "q5_k" if layer < shape.layers // 16 else "q4_k"
        case "iq3_m" if first_eighth or (shape.experts == 8 and more):
            return "q4_k"
        case "q3_k_l":
            return "q5_k"
        case "q4_k_m" | "q5_k_m" if more:
            return "q6_k"
        case "q4_k_s" if first_eighth:
            return "q5_k"
    return bulk
