"""``/docs``, the OpenAPI document, and what README says of the routes."""

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from litestar import Litestar
from litestar.routes import HTTPRoute
from schemathesis.checks import CHECKS, load_all_checks

from api.app import create_app
from kb.settings import Settings
from kb.tools import TOOLS, Tool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def app() -> Litestar:
    return create_app(Settings())


def routes(app: Litestar) -> set[tuple[str, str]]:
    found = set()
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            found |= {(method, route.path_format or "/") for method in route.methods if method != "OPTIONS"}
    return found


def test_every_route_and_tool_is_documented(app: Litestar, http: httpx2.Client) -> None:
    document = http.get("/docs/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    said = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert said == routes(app) | {(method, f"/tools/{tool.name}") for tool in TOOLS for method in ("GET", "POST")}


def test_every_operation_has_id_summary_and_examples(http: httpx2.Client) -> None:
    document = http.get("/docs/openapi.json").json()
    ids = []
    for path, methods in document["paths"].items():
        for operation in methods.values():
            ids.append(operation["operationId"])
            assert operation["summary"], path
            assert operation["tags"], path
            for parameter in operation["parameters"]:
                assert parameter["in"] == "query" or parameter["examples"], (path, parameter["name"])
            if "requestBody" in operation:
                assert operation["requestBody"]["content"]["application/json"]["examples"], path
    assert len(set(ids)) == len(ids)


def test_every_example_of_a_body_is_answered(http: httpx2.Client) -> None:
    """As it stands there: it is the first thing that people try."""
    sent = 0
    for path, methods in http.get("/docs/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            for example in _examples_of_body(operation):
                address = path
                for parameter in operation["parameters"]:
                    if parameter["in"] == "path":
                        value = next(iter(parameter["examples"].values()))["value"]
                        address = address.replace(f"{{{parameter['name']}}}", value)
                answer = http.request(method, address, json=example)
                assert answer.status_code == 200, (method, address, answer.text)
                sent += 1
    assert sent > len(TOOLS.names())


def _examples_of_body(operation: dict[str, Any]) -> list[Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return [example["value"] for example in content.get("examples", {}).values()]


def test_every_schema_is_json_schema_and_every_reference_leads_somewhere(http: httpx2.Client) -> None:
    text = http.get("/docs/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= set(schemas)


def test_every_property_and_parameter_is_described_with_its_unit_and_typed(http: httpx2.Client) -> None:
    document = http.get("/docs/openapi.json").json()
    named = [
        (f"{schema}.{name}", name, part)
        for schema, said in document["components"]["schemas"].items()
        for name, part in said.get("properties", {}).items()
    ]
    named += [
        (f"{path} {parameter['name']}", parameter["name"], parameter["schema"] | parameter)
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for parameter in operation["parameters"]
    ]
    assert len(named) > 1000
    assert [where for where, _, part in named if not part.get("description")] == []
    assert [where for where, _, part in named if not {"type", "anyOf", "$ref", "enum", "const"} & set(part)] == []
    sizes = ("_gb", "_gib", "_w", "_usd", "tokens_per_s", "_gb_per_s")
    units = ("GB", "GiB", "[W]", "USD", "tokens/s", "GB/s")
    with_size = [(where, part["description"]) for where, name, part in named if name.endswith(sizes)]
    assert len(with_size) > 120
    assert [where for where, text in with_size if not any(unit in text for unit in units)] == []


@pytest.mark.parametrize("tool", tuple(TOOLS), ids=lambda tool: tool.name)
def test_the_schemas_of_a_tool_are_described_too(http: httpx2.Client, tool: Tool[Any, Any]) -> None:
    schema = http.get(f"/tools/{tool.name}").json()
    for part in (schema["input_schema"], schema["output_schema"]):
        for said in (part, *part.get("$defs", {}).values()):
            assert [name for name, one in said.get("properties", {}).items() if not one.get("description")] == []


def test_enumerations_are_typed(http: httpx2.Client) -> None:
    schemas = http.get("/docs/openapi.json").json()["components"]["schemas"]
    for where in ("TermView.level", "TermSummary.topic", "SpecView.kind", "SpeedAnswer.verdict", "Price.kind"):
        schema, _, name = where.partition(".")
        assert len(schemas[schema]["properties"][name]["enum"]) > 2, where
    value = schemas["FigureView"]["properties"]["value"]["anyOf"]
    assert {one["type"] for one in value} == {"boolean", "integer", "number", "string", "array"}


def test_page_needs_nothing_from_elsewhere(http: httpx2.Client) -> None:
    page = http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(linked) >= 3
    for link in linked:
        assert link == "/" or link.startswith("/docs/")
        answer = http.get(link)
        assert answer.status_code == 200
    assert "<script>" not in page.text
    assert "style=" not in page.text


def test_index_names_the_routes(app: Litestar, http: httpx2.Client) -> None:
    named = set(http.get("/").json()["routes"])
    assert named >= {f"{method} {path}" for method, path in routes(app)}


def test_every_route_stands_in_readme(app: Litestar) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [f"{method} {path}" for method, path in sorted(routes(app)) if f"{method} {path}" not in readme]
    assert not missing


WRONG_HERE = {
    "positive_data_acceptance": "which names are known, and which figures go together, no schema says",
    "use_after_free": "nothing is ever deleted",
    "ensure_resource_availability": "nothing is ever made",
    "ignored_auth": "keys are asked for where they are set: tests/api/test_keys.py",
    "object_level_authorization": "there are no users",
}
"""Checks of schemathesis that do not fit this API, with the reason; all others are made."""

load_all_checks()
CHECKED = [check for check in CHECKS.get_all() if check.__name__ not in WRONG_HERE]


def described(**config: Any) -> schemathesis.BaseSchema:
    """Our own document, for cases of every operation. A query that is too long is refused before it is read."""
    refused = {"negative_data_rejection": {"expected-statuses": [400, 404, 406, 413, 414, 415, 422, 431, 503]}}
    return schemathesis.openapi.from_dict(
        json.loads(create_app(Settings()).state.openapi),
        config=schemathesis.Config.from_dict(
            {"generation": {"deterministic": True, "no-shrink": True}, "checks": refused, **config}
        ),
    )


def in_depth(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


few, many = described(phases={"coverage": {"enabled": False}}), described()


@few.parametrize()
@in_depth(15)
def test_whatever_comes_in_the_answer_is_as_documented(case: schemathesis.Case, base_url: str) -> None:
    case.call_and_validate(base_url=base_url, checks=CHECKED)


@pytest.mark.attack
@many.parametrize()
@in_depth(200)
def test_whatever_comes_in_at_length_the_answer_is_as_documented(case: schemathesis.Case, base_url: str) -> None:
    case.call_and_validate(base_url=base_url, checks=CHECKED)


def test_the_checks_left_out_exist() -> None:
    assert set(WRONG_HERE) < {check.__name__ for check in CHECKS.get_all()}
