"""A client that openapi-python-client makes of the document: nothing in it is left out, and everything answers."""

import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from api.app import create_app
from kb.settings import Settings
from kb.tools import TOOLS, Tool

PACKAGE = "hardware_kb_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Importable while the tests run."""
    folder = tmp_path_factory.mktemp("client")
    document = folder / "openapi.json"
    document.write_bytes(create_app(Settings()).state.openapi)
    programs = Path(sys.executable).parent
    made = subprocess.run(
        [programs / "openapi-python-client", "generate", "--path", document, "--output-path", folder / "out"],
        env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},  # it formats with ruff
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "warning" not in (made.stdout + made.stderr).casefold()
    sys.path.insert(0, str(folder / "out"))
    yield folder / "out"
    sys.path.remove(str(folder / "out"))


@pytest.fixture(scope="module")
def client(generated: Path, base_url: str) -> Iterator[Any]:
    made: Any = importlib.import_module(PACKAGE).Client(base_url=base_url, raise_on_unexpected_status=True, timeout=60)
    with made:
        yield made


def operation(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.api.{name}")


def model(name: str) -> Any:
    return getattr(importlib.import_module(f"{PACKAGE}.models"), name)


def test_every_module_is_imported(generated: Path) -> None:
    names = [path.relative_to(generated).with_suffix("") for path in sorted(generated.rglob("*.py"))]
    modules = [importlib.import_module(".".join(name.parts).removesuffix(".__init__")) for name in names]
    assert len(modules) > 100


@pytest.mark.parametrize("tool", tuple(TOOLS), ids=lambda tool: tool.name)
def test_every_tool_is_called(client: Any, http: Any, tool: Tool[Any, Any]) -> None:
    module = operation(f"tools.{tool.name}")
    arguments = inspect.signature(module.sync).parameters["body"].annotation
    body = arguments.from_dict(dict(tool.example))
    answer = module.sync_detailed(client=client, body=body)
    assert answer.status_code == 200, answer.content
    said = http.post(f"/tools/{tool.name}", json=dict(tool.example)).json()
    assert answer.parsed.to_dict() == said


def test_what_is_wrong_is_a_problem_with_its_fields(client: Any) -> None:
    arguments = model("CheckArguments").from_dict({"model": "llama 3.1 70b", "device": "RTX 4090", "context": 0})
    problem = operation("tools.check_fit").sync(client=client, body=arguments)
    assert isinstance(problem, model("Problem"))
    assert (problem.status, problem.errors[0].field) == (422, "context")
    unknown = operation("terms.get_term").sync("memory bandwith of things", client=client)
    assert isinstance(unknown, model("Problem"))
    assert "Memory bandwidth" in unknown.suggestions


def test_terms(client: Any) -> None:
    term = operation("terms.get_term").sync("VRAM", client=client)
    assert (term.slug, term.level.value) == ("vram", "newcomer")
    level = inspect.signature(operation("terms.list_terms").sync).parameters["level"]
    assert "Unset" in str(level.annotation)
    page = operation("terms.list_terms").sync(client=client, q="kv", limit=2)
    assert len(page.items) == 2
    assert page.next_ == "/terms?limit=2&q=kv&offset=2"


def test_specs(client: Any) -> None:
    spec = operation("specs.get_spec").sync("accelerators", "RTX 3090", client=client)
    figures = spec.figures.additional_properties
    assert (figures["memory_gib"].value, figures["memory_gib"].unit) == (24.0, "GiB")
    assert figures["cuda_cores"].value == 10496
    assert figures["native_precisions"].value[0] == "fp32"
    filters = model("ListSpecsFilters").from_dict({"memory_gib_min": "80"})
    page = operation("specs.list_specs").sync("accelerators", client=client, sort="-date", limit=3, filters=filters)
    assert len(page.items) == 3
    assert all(one.figures.additional_properties["memory_gib"].value >= 80 for one in page.items)
    found = operation("specs.search_specs").sync(client=client, q="rtx 3090")
    assert found.items[0].slug == "rtx-3090"


def test_search_disputes_sources_and_chat(client: Any) -> None:
    hits = operation("search.search").sync(client=client, q="why is decode slow?", k=3, explain=True).hits
    assert len(hits) == 3
    passage = operation("sources.get_passage").sync(hits[0].passage_id, client=client)
    assert passage.text == hits[0].text
    assert operation("disputes.get_dispute").sync("nvlink-pools-memory", client=client).claims
    assert operation("sources.list_sources").sync(client=client, limit=1).total > 100
    asked = model("ChatRequest").from_dict({"messages": [{"role": "user", "content": "What is VRAM?"}]})
    assert "memory" in operation("chat.chat").sync(client=client, body=asked).answer
    assert operation("health.health_ready").sync(client=client).status == "ready"
