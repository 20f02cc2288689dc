"""JSON Schemas of arguments that are small enough for a language model to load: all of them at once.

They say types, choices and meanings. Ranges are left to the tools, whose errors name them; objects of figures are named
and not spelled out, as the tools' own schemas do that.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]
OBJECTS = ("ModelFigures", "DeviceFigures")
"""Of figures; they stand beside a name."""
COMMON: Mapping[str, Schema] = {
    "model": {"description": "name, size (`70b`) or object of config.json's keys"},
    "device": {"description": "name (`2x` before: two) or {memory_gib, memory_bandwidth_gb_per_s}"},
    "quantization": {"description": "`q4_k_m`, `f16`, `4.25bpw` …"},
    "context": {"description": "tokens"},
    "options": {"description": "llama.cpp's: `-ngl 30 --n-cpu-moe 12`"},
    "backend": {"enum": ["vulkan"], "description": "else the maker's"},
    "tensor_parallel": {"description": "all cards at once"},
    "images": {"description": "shown"},
    "host_link": {"description": "between machines"},
    "use": {"description": "chat, coding, writing, documents, agents, vision or `any`"},
    "kv_cache_type": {"enum": ["f16", "q8_0", "q4_0"]},
}
"""Of arguments that many tools take, what is said in so few words; a tool takes more types of cache than these."""
NAMED: Mapping[str, Schema] = {"device": {"description": "name (`2x` before: two)"}}
"""The same where a name alone is taken."""
LEFT_OUT = (
    "flash_attention", "device_count", "reserved_gib", "claimed_gb", "measured_gb", "considered_memory_channels",
    "beyond", "wanted", "better_engine", "better_tokens_per_s", "drafted", "waited_s", "image_size", "memory_share",
    "draft_tokens", "draft_acceptance", "near_usd", "leave_out", "cpu_like", "sharding",
    "days_per_week", "hosts",
)  # fmt: skip
"""What hardly anybody turns off, what is said before a device's name, and what an agent seldom knows; a tool takes them
all the same."""


def small_schema(model: type[BaseModel], *, strict: bool = False) -> Schema:
    """``strict``: as OpenAI's strict mode wants it. Every argument is required there, those that may be left out take
    null, and a model or a device is a name alone."""
    whole = model.model_json_schema()
    definitions: Mapping[str, Schema] = whole.get("$defs", {})
    required = whole.get("required", [])
    properties = {
        name: _small(part, definitions, strict=strict, optional=strict and name not in required)
        for name, part in whole.get("properties", {}).items()
        if strict or name not in LEFT_OUT
    }
    found: Schema = {"type": "object", "properties": properties}
    if strict:
        return found | {"required": list(properties), "additionalProperties": False}
    for name, said in COMMON.items():
        if name in properties:
            properties[name] |= said if "object" in properties[name]["type"] or name not in NAMED else NAMED[name]
    return found | ({"required": required} if required else {})


def _small(part: Schema, definitions: Mapping[str, Schema], *, strict: bool, optional: bool = False) -> Schema:
    branches = [_resolved(branch, definitions) for branch in part.get("anyOf", [part])]
    objects = [name for name in map(_reference, part.get("anyOf", [part])) if name in OBJECTS]
    plain = [branch for branch in branches if branch.get("type") not in ("object", "null")]
    types = list(dict.fromkeys(branch["type"] for branch in plain if "type" in branch))
    types += ["object"] if objects and not strict else []
    types += ["null"] if optional else []
    found: Schema = {"type": types[0] if len(types) == 1 else types}
    choices = [choice for branch in plain for choice in branch.get("enum", [branch.get("const")]) if choice is not None]
    if choices:
        found["enum"] = [*choices, *([None] if optional else [])]
    if items := next((branch["items"] for branch in plain if "items" in branch), None):
        found["items"] = _small(
            _resolved(items, definitions) if "anyOf" not in items else items, definitions, strict=strict
        )
    if described := part.get("description"):
        found["description"] = described
    if part.get("default") and not strict:
        found["default"] = part["default"]
    return found


def _reference(part: Schema) -> str:
    return str(part.get("$ref", "")).rpartition("/")[2]


def _resolved(part: Schema, definitions: Mapping[str, Schema]) -> Schema:
    return {**definitions.get(_reference(part), {}), **{key: value for key, value in part.items() if key != "$ref"}}
