"""The line that starts a model: which engine it is of, what stands in it, and how it is said."""

import re
from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.records import Engine, SourceRef, StartLine
from kb.errors import UnknownName
from kb.text import markdown
from kb.text.statements import Said
from kb.tools import TOOLS
from kb.tools.asks import Asked
from kb.tools.start_model.tool import StartAnswer

TOOL = TOOLS["start_model"]
MOST_WORDS = 130


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def started(catalogue: Catalogue, **arguments: Any) -> StartAnswer:
    result = TOOL.call(catalogue, arguments)
    assert isinstance(result, StartAnswer)
    return result


def said(result: StartAnswer, **arguments: Any) -> list[Said]:
    return list(TOOLS.say(TOOL.name)(result, Asked(TOOL.name, frozenset(arguments), arguments)))


MINE = {"name": "Mine", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}
LINES = {
    "the library's name": ({"model": "llama 3.1 8b"}, "ollama run llama3.1"),
    "the type that a model is published in": ({"model": "gpt-oss 20b"}, "ollama run gpt-oss:20b"),
    "another type is another line": (
        {"model": "qwen3 8b", "quantization": "q8_0"}, "ollama run hf.co/Qwen/Qwen3-8B-GGUF:Q8_0",
    ),
    "an engine that is named": (
        {"engine": "llama.cpp", "model": "qwen3 8b", "context": 16384},
        "llama-server -hf Qwen/Qwen3-8B-GGUF:Q4_K_M -c 16384",
    ),
    "several cards": (
        {"engine": "vllm", "model": "qwen3 8b", "device": "2x RTX 3090"},
        "vllm serve Qwen/Qwen3-8B --max-model-len 8192 --tensor-parallel-size 2",
    ),
    "a name that nobody here holds": (
        {"engine": "llama.cpp", "model": "mellum 4b"},
        "llama-server -hf <gguf-repository-of-Mellum-4B>:Q4_K_M -c 8192",
    ),
    "the repository of another type": (
        {"engine": "vllm", "model": "qwen3 8b", "quantization": "awq"},
        "vllm serve <repository-of-Qwen3-8B-in-AWQ-4-bit> --max-model-len 8192",
    ),
    "a model that is given by its figures": (
        {"engine": "vllm", "model": MINE},
        "vllm serve <repository-of-Mine> --max-model-len 8192",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "line"), LINES.values(), ids=LINES)
def test_the_line(catalogue: Catalogue, arguments: dict[str, Any], line: str) -> None:
    start = started(catalogue, **arguments).start
    assert start.line == line
    assert list(start.placeholders) == re.findall(r"<[^>]+>", line)


def test_without_model_and_engine_the_easiest_is_first(catalogue: Catalogue) -> None:
    result = started(catalogue)
    engines = {slug: record for slug, record in catalogue.known.specs["engines"].items() if isinstance(record, Engine)}
    ease = [engines[start.engine].ease for start in (result.start, *result.others)]
    assert ease == sorted(ease, key=lambda one: one or 0)
    assert ease[0] == 1
    assert result.start.is_example
    assert result.chosen_as == "easiest"


def test_every_engine_with_an_ease_can_be_started(catalogue: Catalogue) -> None:
    for record in catalogue.known.specs["engines"].values():
        assert isinstance(record, Engine)
        assert bool(record.ease) == bool(record.install), record.slug
        assert record.backends or not record.ease, record.slug


@pytest.mark.parametrize(
    ("arguments", "engines"),
    [
        ({"device": "RTX 4090", "system": "windows"}, ["ollama", "lm-studio", "llama-cpp", "jan", "koboldcpp"]),
        ({"device": "RTX 4090"}, ["ollama", "lm-studio", "llama-cpp", "vllm", "jan"]),
        ({"device": "m2 ultra"}, ["ollama", "lm-studio", "llama-cpp", "mlx", "jan"]),
        ({"engine": "vllm", "system": "linux"}, ["vllm", "ollama", "lm-studio", "llama-cpp", "jan"]),
    ],
)
def test_engines_of_a_system_and_a_device(catalogue: Catalogue, arguments: dict[str, Any], engines: list[str]) -> None:
    result = started(catalogue, **arguments)
    assert [start.engine for start in (result.start, *result.others)] == engines


def test_the_way_to_install_goes_by_system_and_device(catalogue: Catalogue) -> None:
    assert {way.systems for way in started(catalogue, device="m2 ultra").start.install} == {("macos",)}
    nvidia, amd = (started(catalogue, engine="vllm", device=device) for device in ("RTX 4090", "RX 7900 XTX"))
    assert [way.line for way in nvidia.start.install] != [way.line for way in amd.start.install]
    assert [len(result.start.install) for result in (nvidia, amd)] == [1, 1]


@pytest.mark.parametrize(
    ("arguments", "hindrance"),
    [
        ({"engine": "vllm", "device": "m2 ultra"}, "device"),
        ({"engine": "vllm", "system": "windows"}, "system"),
        ({"engine": "mlx", "device": "RTX 4090"}, "system"),
        ({"engine": "tgi"}, "unknown"),
    ],
)
def test_an_engine_that_does_not_run_there(catalogue: Catalogue, arguments: dict[str, Any], hindrance: str) -> None:
    result = started(catalogue, **arguments)
    assert result.hindrance == hindrance
    assert result.wanted
    assert result.start.engine == "ollama"
    assert result.wanted in markdown.brief(said(result, **arguments), lambda basis: 1).split(";")[0]


def test_an_unknown_engine_is_no_other_one(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName, match="engine"):
        started(catalogue, engine="ollamma xl", model="llama 3.1 8b")


def test_the_verdict_is_that_of_the_weights_that_the_line_brings(catalogue: Catalogue) -> None:
    arguments = {"model": "llama 3.1 70b", "device": "RTX 4090"}
    small = started(catalogue, **arguments).start
    fit = TOOLS["check_fit"].call(catalogue, {**arguments, "quantization": "q4_k_m"})
    assert small.fit
    assert (small.fit.verdict, small.fit.required_gb) == (fit.verdict, fit.required_gb)
    assert small.fit.verdict == "fits_with_offload"
    large = started(catalogue, engine="vllm", **arguments).start
    assert large.fit
    assert large.fit.verdict == "does_not_fit", "an engine that keeps no part in system memory has to hold all"
    assert large.fit.required_gb > 3 * small.fit.required_gb


def test_a_processor_without_known_memory_has_no_verdict(catalogue: Catalogue) -> None:
    assert started(catalogue, model="llama 3.1 8b", device="Ryzen 9 9950X").start.fit is None
    known = started(catalogue, model="llama 3.1 8b", device="Ryzen 9 9950X", system_memory_gb=32).start.fit
    assert known
    assert known.verdict == "fits"


def test_a_line_has_no_unknown_slots() -> None:
    ref = SourceRef(source="somewhere")
    assert StartLine(line="run {repository}", sources=(ref,)).line
    with pytest.raises(ValueError, match="unknown slots file; accepted: ollama_name"):
        StartLine(line="run {file}", sources=(ref,))


FIRST = [
    ({}, "The easiest way to begin is Ollama: install it, then type `ollama run gemma3`."),
    ({"model": "llama 3.1 8b"}, "The easiest way to start Llama 3.1 8B is Ollama: install it, then type"),
    ({"engine": "lm studio"}, "To begin with LM Studio, install it and open it."),
    ({"engine": "vllm", "model": "qwen3 8b", "device": "RTX 3090"}, "To start Qwen3 8B with vLLM, install it, then"),
    ({"model": "deepseek r1 671b", "device": "RTX 4090"}, "No, DeepSeek R1 671B at Q4_K_M does not fit on"),
    ({"engine": "tgi", "model": "qwen3 8b"}, "The sources do not say how Text Generation Inference (TGI) is started;"),
    ({"engine": "vllm", "system": "windows"}, "The sources give no way to run vLLM on Windows; the easiest way to"),
    ({"engine": "vllm", "model": "qwen3 8b", "quantization": "q4_k_m"}, "To start Qwen3 8B with vLLM, install it"),
    ({"engine": "ollama", "model": "llama 3 8b", "context": 16384}, "To start Llama 3 8B with Ollama, install it"),
]


@pytest.mark.parametrize(("arguments", "first"), FIRST)
def test_what_is_said(catalogue: Catalogue, arguments: dict[str, Any], first: str) -> None:
    statements = said(started(catalogue, **arguments), **arguments)
    text = markdown.brief(statements, lambda basis: 1)
    assert text.startswith(first)
    assert len(text.split()) <= MOST_WORDS
    details = markdown.details(statements, lambda basis: 1)
    assert not re.search(r"\bNone\b|\ba a\b|\bthe a\b|\{|\('", f"{text} {details}")


def test_what_fits_not_names_the_engine_with_which_it_runs(catalogue: Catalogue) -> None:
    arguments = {"engine": "vllm", "model": "llama 3.1 70b", "device": "RTX 4090"}
    text = markdown.brief(said(started(catalogue, **arguments), **arguments), lambda basis: 1)
    assert "With Ollama it runs there at Q4_K_M: `ollama run llama3.1:70b`." in text


def test_several_models_stand_in_one_table(catalogue: Catalogue) -> None:
    several = TOOLS.side_by_side(TOOL.name)
    assert several
    results = [started(catalogue, model=name, device="RTX 3060 12GB") for name in ("llama 3.1 8b", "qwen3 32b")]
    text = markdown.brief(list(several(results, Asked(TOOL.name))), lambda basis: 1)
    assert text.startswith("Install Ollama, then type the line of the one that you want.")
    assert text.count("`ollama run ") == 2
    assert "| yes |" in text
    assert "| partly in RAM |" in text
