"""``/docs``, the OpenAPI document, and what README says of the routes."""

import json
import re
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from litestar import Litestar
from litestar.routes import HTTPRoute
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from kb.settings import Settings
from kb.tools import TOOLS

ROOT = Path(__file__).resolve().parents[0]


@pytest.fixture(scope="module")
def app() -> Litestar:
    return create_app(Settings())


def routes(app: Litestar) -> set[tuple[str, str]]:
    found = set()
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            found |= {(method, route.path_format or "/") for method in route.methods if method != "OPTIONS"}
    return found


def test_every_route_and_tool_is_documented(app: Litestar, http: httpx.Client) -> None:
    document = http.get("/docs/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    said = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert said == routes(app) | {("POST", f"/tools/{tool.name}") for tool in TOOLS}


def test_every_operation_has_id_summary_and_examples(http: httpx.Client) -> None:
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


def test_every_schema_is_json_schema_and_every_reference_leads_somewhere(http: httpx.Client) -> None:
    text = http.get("/docs/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= set(schemas)


def test_page_needs_nothing_from_elsewhere(http: httpx.Client) -> None:
    page = http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(linked) >= 3
    for link in linked:
        assert link.startswith("/docs/")
        answer = http.get(link)
        assert answer.status_code == 200
        assert "https://" not in answer.text or link.endswith("openapi.json")
        assert "//cdn" not in answer.text
    assert "<script>" not in page.text
    assert "style=" not in page.text


def test_index_names_the_routes(app: Litestar, http: httpx.Client) -> None:
    named = set(http.get("/").json()["routes"])
    assert named >= {f"{method} {path}" for method, path in routes(app)}


def test_every_route_stands_in_readme(app: Litestar) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [f"{method} {path}" for method, path in sorted(routes(app)) if f"{method} {path}" not in readme]
    assert not missing


fuzzed = schemathesis.openapi.from_dict(
    json.loads(create_app(Settings()).state.openapi),
    config=schemathesis.Config.from_dict(
        {"generation": {"no-shrink": True}, "phases": {"coverage": {"enabled": False}}}
    ),
)


@fuzzed.parametrize()
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_whatever_comes_in_the_answer_is_as_documented(case: schemathesis.Case, base_url: str) -> None:
    case.call_and_validate(
        base_url=base_url,
        checks=[
            not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
        ]
    )  # fmt: skip
