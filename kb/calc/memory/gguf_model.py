"""A model by the header of its GGUF file: architecture, exact tensor bytes and quantization.

Keys: the GGUF specification (ggml, docs/gguf.md) and llama.cpp, src/llama-arch.cpp.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf

from kb.calc.memory.architecture import Architecture
from kb.calc.memory.families import GGUF_NAMES, UnknownFamily, architecture_of
from kb.calc.memory.families.header import ModelHeader
from kb.calc.memory.weights import Weights, active_bytes
from kb.catalogue.gguf_header import Header, Tensor, Value
from kb.catalogue.units import GB
from kb.errors import UnreadableModel

_LAYER = re.compile(r"^blk\.(\d+)\.")


@dataclass(frozen=True)
class GgufModel:
    """What a header tells: enough for ``check_fit`` and ``estimate_speed``."""

    name: str
    architecture: Architecture
    weights: Weights
    quantization: str
    """As llama.cpp names it: ``Q4_K_M``; the most common tensor type where the file does not say."""


def model_of(path: Path, header: Header) -> GgufModel:
    """Raises ``UnreadableModel``, naming the file, where its shapes are damaged or its architecture is not known."""
    kind = str(header.keys["general.architecture"])
    if kind not in GGUF_NAMES:
        raise UnreadableModel(f"{path}: general.architecture {UnknownFamily(kind, GGUF_NAMES)}")
    try:
        architecture = _architecture(path, ModelHeader(kind, header.keys), header.tensors)
        weights = _weights(architecture, header.tensors)
        if not architecture.params_total or not weights.device_bytes:
            raise ValueError("tensors that hold nothing")
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnreadableModel(f"{path}: the shapes in the GGUF file are damaged; download it again") from error
    return GgufModel(
        name=architecture.name,
        architecture=architecture,
        weights=weights,
        quantization=_quantization(header.keys, header.tensors),
    )


def _architecture(path: Path, header: ModelHeader, tensors: Sequence[Tensor]) -> Architecture:
    layers, keys = header.num_hidden_layers, header.values
    if not 0 < layers <= len(tensors):
        raise UnreadableModel(f"{path}: the GGUF file says that it has {layers} layers, and has {len(tensors)} tensors")
    total = sum(tensor.elements for tensor in tensors)
    routed = sum(tensor.elements for tensor in tensors if _is_expert(tensor.name))
    experts, used = header.whole("expert_count"), header.whole("expert_used_count")
    return architecture_of(
        header.config(
            str(keys.get("general.name") or path.stem),
            params_total=total,
            params_active=total - routed + (routed * used // experts if experts else 0),
            vocab_size=_vocabulary(header, tensors),
            tie_word_embeddings=not any(tensor.name == "output.weight" for tensor in tensors),
        )
    )


def _vocabulary(header: ModelHeader, tensors: Sequence[Tensor]) -> int:
    tokens = header.values.get("tokenizer.ggml.tokens")
    listed = tokens if isinstance(tokens, int) else 0
    embedding = next((tensor.elements for tensor in tensors if tensor.name == "token_embd.weight"), 0)
    return listed or header.whole("vocab_size") or embedding // header.whole("embedding_length")


def _is_expert(name: str) -> bool:
    return "_exps." in name


def _weights(architecture: Architecture, tensors: Sequence[Tensor]) -> Weights:
    layers = [0] * architecture.num_hidden_layers
    experts = [0] * architecture.num_hidden_layers
    embedding = norm = head = 0
    for tensor in tensors:
        match = _LAYER.match(tensor.name)
        if match and int(match[1]) < len(layers):
            layers[int(match[1])] += tensor.bytes
            experts[int(match[1])] += tensor.bytes if _is_expert(tensor.name) else 0
        elif "token_embd" in tensor.name:
            embedding += tensor.bytes
            head = head or (tensor.bytes if architecture.tie_word_embeddings else 0)
        elif tensor.name == "output.weight":
            head = tensor.bytes
        elif not match:
            norm += tensor.bytes
    total = sum(tensor.bytes for tensor in tensors)
    return Weights(
        total_bytes=total,
        embedding_bytes=embedding,
        output_bytes=head + norm,
        layer_bytes=tuple(layers),
        expert_bytes=tuple(experts),
        active_bytes=active_bytes(architecture, layers, experts, head + norm),
        how=f"the file's own tensors, {total / GB:.2f} GB",
    )


def _quantization(keys: Mapping[str, Value], tensors: Sequence[Tensor]) -> str:
    file_type = keys.get("general.file_type")
    if isinstance(file_type, int) and file_type in set(gguf.LlamaFileType):
        return str(gguf.LlamaFileType(file_type).name).removeprefix("MOSTLY_").removeprefix("ALL_")
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.type_name] += tensor.bytes
    return sizes.most_common(1)[0][0]
