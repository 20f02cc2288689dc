"""JSON Schemas in which every property says what it means, with its unit; for people and programs that read them.

A property's words are its field's description or the text below it in the class; those that many records share stand in
``fields.yaml`` beside. Apart from the models' own schemas, as language models load those and should not read so much.
"""

import ast
import inspect
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

from kb.catalogue.files import read_mapping
from kb.catalogue.units import unit_of

_PER = re.compile(r"(?:^|_)per_[a-z]+$")
_NONE = re.compile(r"\bNone\b")


class Described(GenerateJsonSchema):
    """To be given to pydantic as the generator of a schema."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        for name, part in found.get("properties", {}).items():
            said = _said(schema["cls"], name, part) or described(name, given=self.mode == "validation")
            part["description"] = _with_unit(name, said)
        return found


def _said(model: type[BaseModel], name: str, part: Mapping[str, Any]) -> str:
    own = part.get("description") or next(
        (branch["description"] for branch in part.get("anyOf", ()) if "description" in branch), ""
    )
    if own:
        return str(own)
    return next((texts[name] for cls in model.__mro__ if name in (texts := _texts_of(cls))), "")


def described(name: str, *, given: bool) -> str:
    """What a name means wherever it is given or told; empty where it is one record's own."""
    shared = _shared()
    return (shared["given"].get(name, "") if given else "") or shared["told"].get(name, "")


def _with_unit(name: str, text: str) -> str:
    """
    >>> _with_unit("tdp_w", "What it draws."), _with_unit("read_mb_per_s", "In MB/s."), _with_unit("name", "Its.")
    ('What it draws. [W]', 'In MB/s.', 'Its.')
    """
    unit = _unit(name)
    has_one = re.search(rf"(?<!\w)(?:{re.escape(unit)}|GiB)(?!\w)", text)
    return text if not unit or not text or has_one else f"{text} [{unit}]"


def _unit(name: str) -> str:
    """Its key may go on behind the unit; ``per_gib`` is the unit of something else.

    >>> _unit("required_gb_asked"), _unit("per_gib"), _unit("usd_per_gib"), _unit("params_billions"), _unit("ratio")
    ('GB', '', 'USD per GiB', 'billions', '')
    """
    words = name.split("_")
    keys = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    unit = next((unit for key in keys if (unit := unit_of(key))), "")
    if _PER.search(name) and "/" not in unit and " per " not in unit:
        return ""
    return {"B": "billions", "times": ""}.get(unit, unit)


@cache
def _shared() -> Mapping[str, Mapping[str, str]]:
    return {part: dict(said) for part, said in read_mapping(Path(__file__).with_name("fields.yaml")).items()}


@cache
def _texts_of(model: type) -> Mapping[str, str]:
    """The texts below a class's fields, by field."""
    origin = getattr(model, "__pydantic_generic_metadata__", {}).get("origin") or model
    return _texts_in(origin.__module__).get(origin.__name__, {})


@cache
def _texts_in(module: str) -> Mapping[str, Mapping[str, str]]:
    if not module.startswith(("kb.", "api.")):
        return {}
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: _texts(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts(node: ast.ClassDef) -> Mapping[str, str]:
    found = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = " ".join(str(below.value.value).split()).replace("``", "`")
            found[ast.unparse(field.target)] = _NONE.sub("null", text)
    return found
