"""Models and devices that the database does not know, by their figures."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import AliasChoices, ConfigDict, Field, model_validator

from kb.calc.device import Kernel
from kb.calc.memory.architecture import Architecture, Experts
from kb.calc.memory.families import Config, UnknownFamily, architecture_of, family_of
from kb.catalogue.records import Backend
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Whole

MOST_PARAMS = 10**15
Positive = Annotated[Whole, Field(gt=0, le=MOST_PARAMS)]
MOST = 10**7
Small = Annotated[Whole, Field(gt=0, le=MOST)]
SizeGb = Annotated[Real, Field(ge=0.000001, le=1_000_000)]


def _or_null(schema: dict[str, Any]) -> None:
    """Config files write null for a key that says nothing."""
    said = {key: schema.pop(key) for key in ("type", "minimum", "maximum") if key in schema}
    schema["anyOf"] = [said, {"type": "null"}]


class ModelFigures(Arguments):
    """A model that the database does not know, by the keys of its Hugging Face ``config.json``.

    A whole ``config.json`` may be given: keys that memory and speed do not depend on are named and left out.
    """

    model_config = ConfigDict(extra="allow")

    name: Name = "the given model"
    """What answers call it."""
    model_type: Name | None = Field(
        None, description="as the config has it: tells what each layer is; without it the figures stand as given"
    )
    params_total: Positive | None = None
    """All parameters; without it, worked out from the layers."""
    params_active: Positive | None = None
    """Those that each token passes through."""
    num_hidden_layers: Annotated[Whole, Field(gt=0, le=1000)]
    """How many layers: each is placed one by one; the deepest models have some 130."""
    hidden_size: Small
    """Width of the layers."""
    num_attention_heads: Small
    """Of each layer."""
    num_key_value_heads: Small | None = None
    """Of each layer; without it, as many as attention heads."""
    head_dim: Small | None = None
    """Width of a head; without it, `hidden_size` by heads."""
    vocab_size: Small | None = None
    """Tokens that it knows."""
    intermediate_size: Small | None = None
    """Width of the feed-forward part."""
    tie_word_embeddings: bool = Field(False, json_schema_extra=_or_null)
    """Whether input and output share one table."""
    layer_types: Annotated[tuple[Name, ...], Field(max_length=1000)] | None = Field(
        None, description="what each layer is, as newer configs list it: full_attention, sliding_attention ..."
    )
    sliding_window: Small | None = None
    """Tokens that the layers with a window look back."""
    sliding_window_pattern: Small | None = Field(None, description="every n-th layer attends to everything")
    num_experts: Small | None = Field(
        None, validation_alias=AliasChoices("num_experts", "num_local_experts", "n_routed_experts")
    )
    """Of each layer of a mixture."""
    num_experts_per_tok: Small | None = None
    """How many of them a token passes through."""
    num_shared_experts: Whole = Field(
        0,
        ge=0,
        le=1000,
        validation_alias=AliasChoices("num_shared_experts", "n_shared_experts"),
        json_schema_extra=_or_null,
    )
    """Experts that every token passes through."""
    moe_intermediate_size: Small | None = None
    """Width of an expert."""
    shared_expert_intermediate_size: Small | None = None
    """Width of the shared expert."""
    first_k_dense_replace: Whole = Field(0, ge=0, le=1000, json_schema_extra=_or_null)
    """How many of the first layers have no experts."""
    num_sliding_layers: Whole = Field(0, ge=0, le=1000)
    """How many layers have a window."""
    num_linear_layers: Whole = Field(0, ge=0, le=1000)
    """How many layers keep a constant state and no cache."""
    kv_lora_rank: Small | None = None
    """Width of a latent cache (MLA)."""
    q_lora_rank: Small | None = None
    """Width of latent queries (MLA)."""
    qk_rope_head_dim: Small | None = None
    """Width of a head's turned part (MLA)."""
    qk_nope_head_dim: Small | None = None
    """Width of a head's other part (MLA)."""
    v_head_dim: Small | None = None
    """Width of a head's values (MLA)."""
    max_position_embeddings: Positive | None = None
    """Tokens that it can read."""

    @model_validator(mode="before")
    @classmethod
    def _from_config_file(cls, given: Any) -> Any:
        """A vision model's text part stands under ``text_config``."""
        if not isinstance(given, dict):
            return given
        text: dict[str, Any] = next(
            (given[key] for key in ("text_config", "llm_config") if isinstance(given.get(key), dict)), {}
        )
        config = {key: value for key, value in (given | text).items() if key not in ("text_config", "llm_config")}
        for key in ("first_k_dense_replace", "n_shared_experts", "num_shared_experts", "tie_word_embeddings"):
            if key in config and config[key] is None:
                del config[key]
        return config


class DeviceFigures(Arguments):
    """A device that the database does not know, by its figures."""

    name: Name = "the given device"
    """What answers call it."""
    memory_gib: Real | None = Field(
        None, ge=0.001, le=1_000_000, description="whether a model fits depends on it; a speed does not"
    )
    memory_bandwidth_gb_per_s: Real | None = Field(
        None, ge=0.001, le=1_000_000, description="a speed needs it; whether a model fits does not"
    )
    bandwidth_assumed: bool = Field(False, description="the bandwidth is a guess: no bound is to be claimed from it")
    fp16_dense_tflops: Real | None = Field(None, ge=0.001, le=1_000_000)
    """Of matrices, without sparsity: how fast a prompt is read depends on it."""
    backend: Backend = "cuda"
    """What runs on it."""
    cores: Annotated[Whole, Field(ge=1, le=10_000)] | None = None
    """Of a processor: how fast it reads a prompt depends on them."""
    unified_memory: bool = False
    """Whether its memory is the machine's."""
    portable: bool = Field(False, description="a laptop or a phone: no graphics card can be put in")

    @model_validator(mode="after")
    def _has_memory(self) -> "DeviceFigures":
        """A processor's is the machine's; its speed can be told without."""
        if self.memory_gib is None and (self.backend != "cpu" or self.memory_bandwidth_gb_per_s is None):
            raise ValueError("memory_gib is needed; only a device with backend cpu and its bandwidth may leave it out")
        return self


class MeasuredProcessor(DeviceFigures):
    """This machine's, on which llama.cpp was measured."""

    kernels: tuple[Kernel, ...] = ()
    """By type of the weights."""


ROOMY = DeviceFigures(name="one device with room", memory_gib=1_000_000)
"""Holds any model: what one needs is worked out on it."""


def given_architecture(model: ModelFigures) -> tuple[Architecture, tuple[str, ...]]:
    """The architecture of given figures, and what was assumed or not used."""
    config = model.model_dump(exclude={"name"}, exclude_none=True)
    try:
        family = family_of(model.model_type or "")
    except UnknownFamily as error:
        raise InvalidArgument("model.model_type", model.model_type, error.accepted) from None
    unused = sorted(set(model.model_extra or {}) - {*family.reads, *family.reads_texts})
    notes = [f"not used: {', '.join(unused[:20])}"] if unused else []
    for key in unused:
        config.pop(key, None)
    for key in family.reads:
        if type(config.get(key, 0)) is not int or not 0 <= config.get(key, 0) <= MOST:
            raise InvalidArgument(f"model.{key}", config[key], f"a whole number from 0 to {MOST:,}")
    for key in family.reads_texts:
        if not isinstance(config.get(key, ""), str):
            raise InvalidArgument(f"model.{key}", config[key], "a text")
    if model.num_key_value_heads and model.num_key_value_heads > model.num_attention_heads:
        raise InvalidArgument("model.num_key_value_heads", model.num_key_value_heads, "at most num_attention_heads")
    for key in ("num_sliding_layers", "num_linear_layers", "first_k_dense_replace"):
        if getattr(model, key) > model.num_hidden_layers:
            raise InvalidArgument(f"model.{key}", getattr(model, key), "at most num_hidden_layers")
    if model.num_sliding_layers and not model.sliding_window:
        config["num_sliding_layers"] = 0
    if model.num_experts and not model.num_experts_per_tok:
        raise InvalidArgument("model.num_experts_per_tok", None, "how many of the experts are used per token")
    if (model.num_experts_per_tok or 0) > (model.num_experts or 0):
        raise InvalidArgument("model.num_experts_per_tok", model.num_experts_per_tok, "at most num_experts")
    try:
        if model.params_total is None:
            widths = {"intermediate_size": model.intermediate_size or 4 * model.hidden_size * 2 // 3}
            sized = architecture_of(Config.from_keys(model.name, config | widths | {"params_total": MOST_PARAMS}))
            config["params_total"] = sized.shape_params
            notes.append(f"params_total was estimated from the shapes: {sized.shape_params / 1e9:.2f} billion")
        architecture = architecture_of(Config.from_keys(model.name, config))
    except ValueError as error:
        raise InvalidArgument("model", model.name, str(error)) from None
    if architecture.experts and model.params_active is None:
        active = _estimated_active(architecture, architecture.experts)
        architecture = replace(architecture, params_active=active)
        notes.append(f"params_active was estimated from the experts: {active / 1e9:.2f} billion")
    if architecture.params_active > architecture.params_total:
        raise InvalidArgument("model.params_active", architecture.params_active, "at most params_total")
    notes += [f"assumed {text}" for text in architecture.assumed]
    return architecture, tuple(notes)


def _estimated_active(architecture: Architecture, block: Experts) -> int:
    total = architecture.params_total
    idle = max(block.count - block.used, 0) * 3 * architecture.hidden_size * block.width
    return max(total - idle * architecture.num_expert_layers, total // block.count)
