"""Every tool with the extremes of what its own schema takes: a result of finite figures or an error that says why."""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from kb.errors import KnowledgeBaseError
from kb.search.live import Index
from kb.tools import TOOLS, Tool

Schema = dict[str, Any]

BEYOND = (0, -1, 5e-324, 1e-300, 1e300, int("9" * 320), math.inf, math.nan)


def parts(part: Schema, definitions: Schema) -> Iterator[Schema]:
    """The schemas of each type that a value may have."""
    for branch in part.get("anyOf", [part]):
        yield definitions[branch["$ref"].rpartition("/")[2]] if "$ref" in branch else branch


def all_parts(schema: Schema, definitions: Schema, where: str) -> Iterator[tuple[str, Schema]]:
    """Each part of a schema with its path, what is inside of objects and lists too."""
    for part in parts(schema, definitions):
        yield where, part
        for key, inner in part.get("properties", {}).items():
            yield from all_parts(inner, definitions, f"{where}.{key}")
        if "items" in part:
            yield from all_parts(part["items"], definitions, f"{where}[]")


def extremes(part: Schema, definitions: Schema) -> st.SearchStrategy[Any]:
    """Mostly the ends of the ranges, which go through; now and then what lies beyond them."""
    if "enum" in part:
        return st.sampled_from(part["enum"])
    match part.get("type"):
        case "integer" | "number":
            low, high = part["minimum"] if "minimum" in part else part["exclusiveMinimum"] + 1, part["maximum"]
            ends = st.sampled_from([low, low + 1, high, high / 2 if part["type"] == "number" else high // 2])
            return st.one_of(*[ends] * 9, st.sampled_from(BEYOND))
        case "boolean":
            return st.booleans()
        case "object":
            required = part.get("required", ())
            properties = {
                key: st.one_of(*(extremes(one, definitions) for one in parts(inner, definitions)))
                for key, inner in part["properties"].items()
            }
            return st.fixed_dictionaries(
                {key: strategy for key, strategy in properties.items() if key in required},
                optional={key: strategy for key, strategy in properties.items() if key not in required},
            )
        case "null":
            return st.none()
        case "string" if "pattern" in part:
            return st.from_regex(part["pattern"], fullmatch=True)
        case _:
            return st.just("a name")


def arguments_of(tool: Tool[Any, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The tool's example with extremes in place of any of its figures; names stay, for others would be unknown."""
    schema = tool.input_model.model_json_schema()
    definitions = schema.get("$defs", {})
    changes = {}
    for key, inner in schema["properties"].items():
        strategies = [
            extremes(part, definitions)
            for part in parts(inner, definitions)
            if part.get("type") not in ("array", "null", "string") or {"enum", "pattern"} & set(part)
        ]
        if strategies:
            changes[key] = st.one_of(*strategies)
    return st.fixed_dictionaries({}, optional=changes).map(lambda changed: {**tool.example, **changed})


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def assert_finite(result: BaseModel) -> None:
    for leaf in leaves(result.model_dump()):
        if isinstance(leaf, float):
            assert math.isfinite(leaf), result
        elif isinstance(leaf, str):
            assert not {"inf", "-inf", "nan"} & set(leaf.replace("=", " ").split()), leaf


@pytest.mark.parametrize("name", TOOLS.names())
def test_every_range_is_closed_and_every_list_and_text_has_an_end(name: str) -> None:
    """An open end ("more than 0") takes 1e-300, whose quotients are infinite."""
    schema = TOOLS[name].input_model.model_json_schema()
    for where, part in all_parts(schema, schema.get("$defs", {}), name):
        if "enum" in part or "const" in part:
            continue
        match part.get("type"):
            case "number":
                assert {"minimum", "maximum"} <= set(part), where
            case "integer":
                assert "maximum" in part, where
                assert {"minimum", "exclusiveMinimum"} & set(part), where
            case "string":
                assert {"maxLength", "pattern"} & set(part), where
            case "array":
                assert "maxItems" in part, where


@pytest.mark.parametrize("name", TOOLS.names())
def test_extremes_give_finite_figures_or_an_error_that_says_why(name: str, index: Index) -> None:
    tool = TOOLS[name]

    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(arguments_of(tool))
    def holds(arguments: dict[str, Any]) -> None:
        with suppress(KnowledgeBaseError):
            assert_finite(tool.call(index, arguments))

    holds()


def test_a_rent_of_next_to_nothing_is_not_paid_back_after_inf_hours(index: Index) -> None:
    for rent in (1e-300, 5e-324):
        with pytest.raises(KnowledgeBaseError, match="rent_per_hour"):
            TOOLS["rent_or_buy"].call(index, {"purchase": 1600, "rent_per_hour": rent})
