"""The Model Context Protocol by the official client: over HTTP and stdio, as of 2025 and of 2026."""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from llama_cpp import Llama
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import PromptReference, ResourceTemplateReference, TextContent

from api.mcp import definitions
from kb.tools import TOOLS
from tests.conftest import ROOT

MOST_TOKENS = 6000
ERAS = ("auto", "legacy")
"""``auto`` finds the stateless protocol; ``legacy`` begins with ``initialize``."""


def run(work: Callable[[Client], Awaitable[Any]], server: Any, mode: str) -> Any:
    async def connected() -> Any:
        async with Client(server, mode=mode, read_timeout_seconds=60) as client:
            return await work(client)

    return asyncio.run(connected())


def text_of(result: Any) -> str:
    first = result.content[0]
    assert isinstance(first, TextContent)
    return first.text


@pytest.fixture(params=ERAS)
def over_http(request: pytest.FixtureRequest, base_url: str) -> Callable[[Callable[[Client], Awaitable[Any]]], Any]:
    return lambda work: run(work, f"{base_url}/mcp", request.param)


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(MCPError) as error:
        await call
    return str(error.value)


async def each_tool(client: Client) -> dict[str, Any]:
    listed = (await client.list_tools()).tools
    return {tool.name: await client.call_tool(tool.name, dict(TOOLS[tool.name].example)) for tool in listed}


def test_every_tool_is_called(over_http: Any) -> None:
    results = over_http(each_tool)
    assert set(results) == set(TOOLS.names())
    assert {name: text_of(result) for name, result in results.items() if result.is_error} == {}
    for name, result in results.items():
        assert len(text_of(result)) > 10, name
        assert list(result.structured_content)[-1] == "citations" or "citations" not in result.structured_content


@pytest.mark.parametrize("mode", ERAS)
def test_every_tool_over_stdio(mode: str, data_dir: Path) -> None:
    env = {"KB_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    command = StdioServerParameters(command=sys.executable, args=["-m", "kb.cli", "mcp"], env=env)
    results = run(each_tool, command, mode)
    assert set(results) == set(TOOLS.names())
    assert {name: text_of(result) for name, result in results.items() if result.is_error} == {}


def test_the_tools_are_small_and_only_read(instruct_model: Path) -> None:
    tools = definitions()
    assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
    model = Llama(str(instruct_model), vocab_only=True, verbose=False)
    shown = [tool.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"annotations"}) for tool in tools]
    size = len(model.tokenize(json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()))
    assert size < MOST_TOKENS, f"{size} tokens"


NATURAL = (
    ("check_fit", {"model": "qwen3 32b", "device": "RTX 3090 + RTX 3060 12GB", "quantization": "Q4"}, "fits"),
    ("check_fit", {"model": "70b", "device": "2x 4090", "context": 32768}, "fits"),
    ("check_fit", {"model": "llama 3.1 8b", "device": {"memory_gib": 8}}, "fits"),
    ("check_fit", {"model": "gpt-oss 120b", "device": "strix halo 128gb"}, "fits"),
    ("check_fit", {"model": "deepseek r1", "device": "m3 ultra 512gb", "quantization": "4-bit"}, "fits"),
    ("estimate_speed", {"model": "qwen3 30b a3b", "device": "rtx 3060 12gb"}, "tokens/s"),
    ("estimate_speed", {"model": "llama 3.3 70b", "device": "M2 Ultra", "context": 4096}, "tokens/s"),
    ("what_runs_on", {"device": "macbook air m4 16gb", "use": "coding"}, "Start with|start with"),
    ("lookup_spec", {"name": "5070 ti"}, "5070 Ti"),
    ("lookup_term", {"name": "gguf"}, "GGUF"),
    ("recommend_hardware", {"budget_usd": 800}, "I would take"),
    ("size_power_supply", {"devices": ["2x 3090"]}, "W"),
    ("compare_devices", {"devices": ["5060 ti 16gb", "4070"]}, "5060 Ti"),
    ("max_context", {"model": "qwen2.5 14b", "device": "3060 12gb"}, "tokens"),
    ("kv_cache_size", {"model": "llama 3.1 70b", "context": 131072, "kv_cache_type": "q8_0"}, "GB"),
    ("users_served", {"model": "llama 3.1 8b", "device": "l40s"}, "users"),
    ("check_fit", {"model": "qwen3 8b", "device": "8GB card"}, "an 8 GB graphics card"),
    ("what_runs_on", {"device": "24 GB of VRAM"}, "a 24 GB graphics card"),
    ("check_price", {"device": "rtx 3090", "price": 700}, "fair"),
    ("check_support", {"program": "vllm", "device": "tesla p40"}, "compute capability"),
)
MENDED = (
    ("check_fit", {"model": "qwen3 32b", "device": "big card"}, "No device is called"),
    ("check_fit", {"model": "qwen3 32b", "device": "rtx 3090", "context": "32k"}, "context"),
    ("check_fit", {"model": "llama 9 8b", "device": "rtx 3090"}, "llama"),
    ("check_fit", {"model": "llama 3.1 8b"}, "device"),
    ("estimate_speed", {"model": "llama 3.1 8b", "gpu": "4090"}, "gpu"),
    ("no_such_tool", {}, "There are .*check_fit"),
    ("check_fitt", {}, "Nearest: check_fit"),
)


def test_calls_as_models_make_them(base_url: str) -> None:
    async def all_of_them(client: Client) -> list[Any]:
        return [await client.call_tool(name, arguments) for name, arguments, _ in (*NATURAL, *MENDED)]

    results = run(all_of_them, f"{base_url}/mcp", "auto")
    for (name, arguments, expected), result in zip((*NATURAL, *MENDED), results, strict=True):
        said = text_of(result)
        assert re.search(expected, said, re.I), (name, arguments, said)
        assert result.is_error == ((name, arguments, expected) in MENDED), (name, arguments, said)


def test_an_error_shows_a_right_call(base_url: str) -> None:
    result = run(lambda client: client.call_tool("check_fit", {"model": "llama 3.1 8b"}), f"{base_url}/mcp", "auto")
    assert json.dumps(dict(TOOLS["check_fit"].example)) in text_of(result)


def test_terms_and_specs_are_resources(over_http: Any) -> None:
    async def read(client: Client) -> tuple[Any, ...]:
        resources = await client.list_resources()
        templates = (await client.list_resource_templates()).resource_templates
        term = await client.read_resource("hardware-kb://terms/vram")
        spec = await client.read_resource("hardware-kb://specs/accelerators/rtx-4090")
        return resources, templates, term, spec

    resources, templates, term, spec = over_http(read)
    assert len(resources.resources) == 200
    assert resources.next_cursor == "200"
    assert [template.name for template in templates] == ["term", "spec"]
    assert json.loads(term.contents[0].text)["slug"] == "vram"
    assert json.loads(spec.contents[0].text)["figures"]["memory_gib"]["value"] == 24


@pytest.mark.parametrize("uri", ["hardware-kb://terms/none-such", "hardware-kb://specs/accelerators", "http://x/y"])
def test_no_such_resource(base_url: str, uri: str) -> None:
    said = run(lambda client: refused(client.read_resource(uri)), f"{base_url}/mcp", "auto")
    assert "none-such" in said or "No resource" in said


def test_prompts_and_completion(over_http: Any) -> None:
    async def work(client: Client) -> tuple[Any, ...]:
        listed = (await client.list_prompts()).prompts
        prompt = await client.get_prompt("will-it-fit", {"model": "llama 3.1 8b", "machine": "RTX 4090"})
        reference = ResourceTemplateReference(uri="hardware-kb://specs/{kind}/{name}")
        cards = await client.complete(
            reference, {"name": "name", "value": "rtx-50"}, context_arguments={"kind": "accelerators"}
        )
        models = await client.complete(PromptReference(name="will-it-fit"), {"name": "model", "value": "llama-3"})
        return listed, prompt, cards.completion, models.completion

    listed, prompt, cards, models = over_http(work)
    assert [one.name for one in listed] == ["will-it-fit", "what-should-i-buy"]
    assert "llama 3.1 8b fit on RTX 4090" in prompt.messages[0].content.text
    assert "rtx-5090" in cards.values
    assert all(value.startswith("llama-3") for value in models.values[:3])


def test_a_prompt_without_its_arguments(base_url: str) -> None:
    async def asked(client: Client) -> str:
        return await refused(client.get_prompt("will-it-fit", {"model": "x"}))

    assert "needs machine" in run(asked, f"{base_url}/mcp", "auto")


def test_pages_of_others_do_not_reach_it(base_url: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = httpx2.post(f"{base_url}/mcp", json=body, headers={"Origin": "https://evil.test"})
    assert answer.status_code == 403


def test_strict_function_definitions(base_url: str) -> None:
    """OpenAI's rules: every property required, no further ones, on every object."""
    functions = httpx2.get(f"{base_url}/tools", params={"format": "openai", "strict": "true"}).json()
    assert len(functions) == len(TOOLS.names())
    for function in functions:
        parameters = function["function"]["parameters"]
        assert function["function"]["strict"] is True
        assert parameters["required"] == list(parameters["properties"])
        assert parameters["additionalProperties"] is False
        assert '"object"' not in json.dumps(parameters["properties"])


HEAD = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}


def call(http: httpx2.Client, method: str, params: Any) -> httpx2.Response:
    return http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, headers=HEAD)


NO_CALLS = (
    b"", b"{", b"[" * 100_000, b'{"a": NaN}', b'"\xff"', b"null", b"[]", b"1" * 100_000, '{"a": 1}'.encode("utf-16"),
)  # fmt: skip


@pytest.mark.parametrize("body", NO_CALLS, ids=range(len(NO_CALLS)))
def test_what_is_no_call_is_400(http: httpx2.Client, body: bytes) -> None:
    answer = http.post("/mcp", content=body, headers=HEAD | {"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in (-32700, -32602, -32600)
    assert len(answer.content) < 5_000


@pytest.mark.parametrize("cursor", ["-1", "9" * 5_000, "²", "x", "1e3", "\x00"], ids=range(6))
def test_a_cursor_that_is_none_of_ours_is_told(
    http: httpx2.Client, cursor: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error = call(http, "resources/list", {"cursor": cursor}).json()["error"]
    assert (error["code"], "nextCursor" in error["message"]) == (-32602, True)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "a" * 100_000}),
        ("tools/call", {"name": "check_fit", "arguments": {f"k{number}": 0 for number in range(70_000)}}),
        ("tools/call", {"name": "check_fit", "arguments": {"model": "m" * 400_000, "device": "<script>"}}),
        ("tools/call", {"name": "search_passages", "arguments": {"query": "vram " * 100_000}}),
        ("resources/read", {"uri": "hardware-kb://terms/" + "a" * 900_000}),
        ("resources/read", {"uri": "hardware-kb://terms/../../etc/passwd"}),
        ("resources/read", {"uri": "file:///etc/passwd"}),
        ("resources/read", {"uri": "hardware-kb://specs/../%00%ff"}),
    ],
    ids=range(8),
)
def test_hostile_calls_get_short_answers_that_say_no(http: httpx2.Client, method: str, params: Any) -> None:
    answer = call(http, method, params)
    said = answer.json()
    assert "error" in said or said["result"]["isError"]
    assert len(answer.content) < 3_000
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/mcp", 405), ("POST", "/mcp/x", 404), ("POST", "/mcpx", 404)]
)
def test_no_stream_is_kept_open_and_below_is_nothing(http: httpx2.Client, method: str, path: str, status: int) -> None:
    answer = http.request(method, path, headers=HEAD)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
