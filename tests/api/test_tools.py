"""``/tools``."""

from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator

from kb.search.live import Index
from kb.tools import TOOLS

FIT = {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "RTX 4090"}


def test_list_names_every_tool_with_both_schemas(http: httpx2.Client) -> None:
    listed = http.get("/tools").json()
    assert [tool["name"] for tool in listed] == TOOLS.names()
    for tool in listed:
        assert set(tool) == {"name", "description", "input_schema", "output_schema"}
        Draft202012Validator.check_schema(tool["input_schema"])
        Draft202012Validator.check_schema(tool["output_schema"])
        assert http.get(f"/tools/{tool['name']}").json() == tool


def test_openai_format(http: httpx2.Client) -> None:
    listed = http.get("/tools", params={"format": "openai"}).json()
    assert [tool["function"]["name"] for tool in listed] == TOOLS.names()
    assert {tool["type"] for tool in listed} == {"function"}
    assert all(tool["function"]["parameters"]["type"] == "object" for tool in listed)


@pytest.mark.parametrize("name", TOOLS.names())
def test_each_tools_example_gives_what_its_schema_says(http: httpx2.Client, index: Index, name: str) -> None:
    tool = TOOLS[name]
    answer = http.post(f"/tools/{name}", json=dict(tool.example))
    assert answer.status_code == 200
    assert answer.json() == tool.call(index, tool.example).model_dump(mode="json")
    Draft202012Validator(tool.schema()["output_schema"]).validate(answer.json())


def test_check_fit_keeps_its_contract(http: httpx2.Client) -> None:
    fit = http.post("/tools/check_fit", json=FIT).json()
    assert fit["verdict"] == "fits_with_offload"
    assert set(fit) >= {
        "required_gb", "available_gb", "headroom_gb", "breakdown", "max_context", "offload", "formula", "assumptions",
        "citations",
    }  # fmt: skip
    assert set(fit["breakdown"]) >= {"weights_gb", "kv_cache_gb", "compute_buffer_gb", "runtime_overhead_gb"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"device_count": 10**12}, "device_count"),
        ({"device_count": int("9" * 4000)}, "device_count"),
        ({"device_count": True}, "device_count"),
        ({"device_count": 1.5}, "device_count"),
        ({"context": -1}, "context"),
        ({"context": "many"}, "context"),
        ({"context": None}, "context"),
        ({"kv_cache_type": "f12"}, "kv_cache_type"),
        ({"system_memory_gb": 1e300}, "system_memory_gb"),
        ({"system_memory_gb": 0}, "system_memory_gb"),
        ({"model": ""}, "model"),
        ({"device": {"memory_gib": -1, "memory_bandwidth_gb_per_s": 1000}}, "device"),
        ({"colour": "red"}, "colour"),
        ({"quantization": "x" * 300}, "quantization"),
    ],
)
def test_bad_arguments_are_422_naming_the_field(http: httpx2.Client, change: dict[str, Any], field: str) -> None:
    answer = http.post("/tools/check_fit", json=FIT | change)
    assert answer.status_code == 422
    problem = answer.json()
    assert field in [error["field"].partition(".")[0] for error in problem["errors"]]
    assert problem["status"] == 422


def test_accepted_range_is_told(http: httpx2.Client) -> None:
    error = http.post("/tools/check_fit", json=FIT | {"device_count": 0}).json()["errors"][0]
    assert error["accepted"] == "1 to 1024"


@pytest.mark.parametrize("change", [{"model": "llama 99"}, {"device": "RTX 7999"}, {"quantization": "q4_k_xxl"}])
def test_unknown_names_are_404_with_the_nearest(http: httpx2.Client, change: dict[str, str]) -> None:
    answer = http.post("/tools/check_fit", json=FIT | change)
    assert answer.status_code == 404
    assert answer.json()["suggestions"]


def test_unknown_tool_is_404_with_the_nearest(http: httpx2.Client) -> None:
    for answer in (http.get("/tools/check_fits"), http.post("/tools/check_fits", json={})):
        assert answer.status_code == 404
        assert answer.json()["suggestions"][0] == "check_fit"
