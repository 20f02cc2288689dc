"""Language models, the formats of their weights, and the engines that run them."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from kb.catalogue.records.base import (
    AsOf,
    Backend,
    Citations,
    Count,
    Flag,
    Number,
    Record,
    Slug,
    Span,
    Spec,
    Text,
    Texts,
)

Use = Literal["chat", "coding", "writing", "documents", "agents"]
System = Literal["linux", "macos", "windows"]


class ModelFile(Record):
    """The measured size of a model file at one quantization; give ``size_gib`` or ``size_gb``."""

    quantization: Slug
    size_gib: float | None = Field(None, gt=0)
    size_gb: float | None = Field(None, gt=0)
    note: str = ""
    sources: Citations

    @model_validator(mode="after")
    def _one_size(self) -> "ModelFile":
        if (self.size_gib is None) == (self.size_gb is None):
            raise ValueError("give exactly one of size_gib (2^30 bytes) and size_gb (10^9 bytes)")
        return self

    @property
    def size_bytes(self) -> int:
        return round(self.size_gib * 2**30) if self.size_gib is not None else round((self.size_gb or 0) * 1e9)


class LanguageModel(Spec):
    """A language model's architecture, by the keys of its Hugging Face config.

    Layers: ``num_hidden_layers`` in all, of which ``num_sliding_layers`` keep only a window and
    ``num_linear_layers`` keep a constant state (the rest attend to everything); hybrid models whose layers are
    neither (MoE-only blocks) say so with ``num_attention_free_layers``.
    """

    kind: ClassVar[str] = "models"

    same_architecture_as: Slug | None = None
    stands_for_size: Annotated[str, Field(pattern=r"^\d{1,4}(\.\d{1,2})?b$")] | None = None
    """The bare size (``70b``) that this model lends its shape: what most local benchmarks are run with."""
    representative: bool = False
    """Among those that people run now, it stands for its size: shown where nobody names a model."""
    use: tuple[Use, ...] = ()
    """What it is mostly run for; shown where somebody asks for that use."""
    model_type: Text | None = None
    """The config's own word for the architecture, where it decides how engines use the rest."""
    attention: Literal["mha", "gqa", "mqa", "mla"] = "gqa"
    params_total: Count | None = None
    params_active: Count | None = None
    """Parameters read per token; absent for dense models."""
    params_text: Count | None = None
    """The language part that llama.cpp loads, where the checkpoint holds vision or prediction layers too."""
    num_hidden_layers: Count | None = None
    hidden_size: Count | None = None
    num_attention_heads: Count | None = None
    num_key_value_heads: Count | None = None
    head_dim: Count | None = None
    vocab_size: Count | None = None
    intermediate_size: Count | None = None
    tie_word_embeddings: Flag | None = None
    max_position_embeddings: Count | None = None
    num_experts: Count | None = None
    num_experts_per_tok: Count | None = None
    num_shared_experts: Count | None = None
    moe_intermediate_size: Count | None = None
    shared_expert_intermediate_size: Count | None = None
    first_k_dense_replace: Count | None = None
    sliding_window: Count | None = None
    num_sliding_layers: Count | None = None
    sliding_window_pattern: Count | None = None
    """Of how many layers one has no window, where that is not the family's usual number."""
    num_linear_layers: Count | None = None
    num_attention_free_layers: Count | None = None
    global_head_dim: Count | None = None
    num_global_key_value_heads: Count | None = None
    kv_lora_rank: Count | None = None
    q_lora_rank: Count | None = None
    qk_rope_head_dim: Count | None = None
    qk_nope_head_dim: Count | None = None
    v_head_dim: Count | None = None
    index_head_dim: Count | None = None
    compress_ratios: Text | None = None
    """How many tokens one cached row stands for, in each layer; 0 where the layer keeps its window alone."""
    num_kv_shared_layers: Count | None = None
    """The last layers, which keep no cache of their own."""
    hidden_size_per_layer_input: Count | None = None
    """Width of the second embedding, which has a row for each layer."""
    lookup_params: Count | None = None
    """Parameters of tables with a row for each sequence of a few tokens, of which a token reads some rows."""
    hybrid_override_pattern: Text | None = None
    """Of models whose layers are a mixer or a block each, a letter for each layer."""
    linear_state_bytes: Count | None = None
    """Recurrent state of all linear layers for one sequence, f32."""
    mtp_layers: Count | None = None
    reads: Texts | None = None
    """Besides text: image, video, audio."""
    projector_params: Count | None = None
    """Parameters of what sees or hears, which llama.cpp has in a file of its own (``mmproj``)."""
    image_tokens: Count | None = None
    """Of each image, where that is always the same."""
    image_token_side: Count | None = None
    """Pixels along each side that one token stands for."""
    image_tokens_most: Count | None = None
    """Of one image."""
    image_patches_per_token: Count | None = None
    """Of the encoder."""
    files: tuple[ModelFile, ...] = ()
    repository: Text | None = None
    """On the Hugging Face hub, with the weights that follow instructions where there are such."""
    gguf_repository: Text | None = None
    """On the hub, with GGUF files that are named by their type and are not split."""
    ollama_name: Text | None = None
    """In Ollama's library, of a small type that is common there."""
    licence: Text | None = None
    released: Text | None = None


class Quantization(Spec):
    """A storage format for weights.

    ``bits_per_weight`` is exact for one tensor of the type; ``bits_per_weight_file`` is what a whole file of a
    large model (70B) costs, ``bits_per_weight_file_small`` of an 8B model with a 128k vocabulary.
    """

    kind: ClassVar[str] = "quantizations"

    format: Literal["gguf", "exl2", "gptq", "awq", "safetensors", "mlx", "tensorrt", "bitsandbytes"]
    family: Literal["float", "legacy", "k-quant", "i-quant", "microscaling", "ternary", "integer", "mixed"]
    bits_per_weight: Number | None = None
    bits_per_weight_file: Number | None = None
    bits_per_weight_file_small: Number | None = None
    block_weights: Count | None = None
    block_bytes: Count | None = None
    quality_percent: Span | None = None
    native_architectures: Texts | None = None


class InstallWay(Record):
    """How an engine gets onto a system: a ``line`` to type, or the ``page`` to download it from."""

    systems: Annotated[tuple[System, ...], Field(min_length=1)]
    backends: tuple[Backend, ...] = ()
    """Of devices that want this way; empty where all do."""
    line: str = ""
    page: str = ""
    sources: Citations

    @model_validator(mode="after")
    def _line_or_page(self) -> "InstallWay":
        if bool(self.line) == bool(self.page):
            raise ValueError("give exactly one of line (to type) and page (to download from)")
        return self


START_SLOTS = ("ollama_name", "repository", "gguf_repository", "gguf_file", "quantization", "context", "device_count")
"""What is filled in where a line that starts a model has it in braces."""


class StartLine(Record):
    """A line that starts a model, with slots in braces."""

    line: str
    sources: Citations

    @model_validator(mode="after")
    def _known_slots(self) -> "StartLine":
        if unknown := sorted(set(re.findall(r"\{(\w*)\}", self.line)) - set(START_SLOTS)):
            raise ValueError(f"unknown slots {', '.join(unknown)}; accepted: {', '.join(START_SLOTS)}")
        return self


Interface = Literal["cuda", "rocm", "metal", "vulkan", "sycl", "cpu", "openvino", "npu"]
"""How a program reaches what computes."""


class RunsOn(Record):
    """An interface that a program has, and the devices that its makers built or listed it for."""

    backend: Interface
    systems: Annotated[tuple[System, ...], Field(min_length=1)]
    """For which it can be had ready-made; what runs in WSL is of Linux."""
    least_compute_capability: Annotated[float, Field(ge=2, le=20)] | None = None
    """Of NVIDIA's, with ``cuda``; without it any."""
    most_compute_capability: Annotated[float, Field(ge=2, le=20)] | None = None
    """Newer cards than that need another build."""
    architectures: tuple[str, ...] = ()
    """That are listed, as the records of devices call them; without them any that has the interface."""
    devices: tuple[Slug, ...] = ()
    """Of the architectures, which are listed, where not all of them are."""
    unlisted: str = ""
    """A sentence on what owners of others do."""
    note: str = ""
    """A sentence on what is missing there."""
    as_of: AsOf | None = None
    sources: Citations

    @model_validator(mode="after")
    def _fits_the_interface(self) -> "RunsOn":
        if (self.least_compute_capability or self.most_compute_capability) and self.backend != "cuda":
            raise ValueError("a compute capability is NVIDIA's: give it with backend cuda")
        if self.architectures and self.backend in ("cuda", "metal", "cpu"):
            raise ValueError(f"architectures are of no use with backend {self.backend}")
        return self


class Engine(Spec):
    """Software that runs models, or that what runs them is built on."""

    kind: ClassVar[str] = "engines"

    ease: Annotated[int, Field(ge=1)] | None = None
    """How easily somebody who never ran a model gets it to answer, 1 the easiest; our own judgement."""
    runs_on: tuple[RunsOn, ...] = ()
    """Empty where the sources do not say."""
    install: tuple[InstallWay, ...] = ()
    start: tuple[StartLine, ...] = ()
    """The best first; taken is the first whose slots are known. None for a program with a window."""
    starts_with: Slug | None = None
    """The type of weights that its line loads where none is named; unset: the common 4-bit type, or the model's own."""
    first_start: Text | None = None
    """A line that starts the model of the engine's own introduction, for who has chosen none."""
    after_start: Text | None = None
    """Where the model answers then: a sentence."""
    context_line: Text | None = None
    """Sets the context length, where the line that starts does not."""
    several_devices: Text | None = None
    """What the line needs beside, for several equal cards."""
    elsewhere: Text | None = None
    """How it runs on a system that it is not made for: a sentence."""
    platforms: Texts | None = None
    formats: Texts | None = None
    cpu_offload: Flag | None = None
    multi_user: Flag | None = None
    latest_version: Text | None = None
    features: Texts | None = None

    @property
    def backends(self) -> frozenset[str]:
        """Of devices that it runs on: Vulkan reaches the graphics cards of all makers."""
        own: set[str] = {way.backend for way in self.runs_on}
        return frozenset(own | ({"cuda", "rocm", "sycl"} if "vulkan" in own else set()))
