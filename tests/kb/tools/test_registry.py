"""Every tool: its schemas, its example, and what it says to bad arguments."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import InvalidArgument, KnowledgeBaseError, UnknownName
from kb.search.live import Index
from kb.tools import TOOLS, InvalidArguments

FIT: dict[str, Any] = {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090"}
DIALECT = jsonschema.Draft202012Validator


def call(index: Index, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The result as the API sends it."""
    result = TOOLS[name].call(index, arguments)
    sent: dict[str, Any] = json.loads(json.dumps(result.model_dump(mode="json"), allow_nan=False))
    return sent


@pytest.mark.parametrize("name", TOOLS.names())
def test_schemas_are_json_schema(name: str) -> None:
    schema = TOOLS[name].schema()
    assert list(schema) == ["name", "description", "input_schema", "output_schema"]
    assert schema["name"] == name
    assert len(schema["description"]) > 20
    for part in ("input_schema", "output_schema"):
        DIALECT.check_schema(schema[part])
        assert schema[part]["type"] == "object"
    assert schema["input_schema"]["additionalProperties"] is False
    function = TOOLS[name].openai_schema()
    assert function == {
        "type": "function",
        "function": {
            "name": name,
            "description": schema["description"],
            "parameters": TOOLS[name].input_model.model_json_schema(),
        },
    }
    assert name.replace("_", "").isalnum()
    assert len(name) <= 64


@pytest.mark.parametrize("name", TOOLS.names())
def test_example_runs_and_answers_by_its_schema(index: Index, name: str) -> None:
    tool = TOOLS[name]
    DIALECT(tool.schema()["input_schema"]).validate(json.loads(json.dumps(tool.example)))
    result = call(index, name, dict(tool.example))
    DIALECT(tool.schema()["output_schema"]).validate(result)
    for citation in result.get("citations", []):
        assert citation["source"] in index.known.sources
    if "formula" in result:
        assert result["formula"]
        assert result["citations"] or not {"model", "models", "device", "devices", "drive", "link"} & set(tool.example)
        assert all(isinstance(line, str) and line for line in result.get("assumptions", []))


def problems(index: Index, name: str, arguments: Any) -> dict[str, str]:
    with pytest.raises(InvalidArguments) as caught:
        TOOLS[name].call(index, arguments)
    for problem in caught.value.problems:
        assert problem.field in str(caught.value)
        assert problem.accepted in str(caught.value)
    return {problem.field: problem.accepted for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        ("context", -1, "1 to 100000000"),
        ("context", 0, "1 to 100000000"),
        ("context", 10**12, "1 to 100000000"),
        ("context", 10**400, "1 to 100000000"),
        ("context", float("nan"), "1 to 100000000"),
        ("context", float("inf"), "1 to 100000000"),
        ("context", 8192.5, "1 to 100000000"),
        ("context", True, "1 to 100000000"),
        ("context", "many", "1 to 100000000"),
        ("context", [8192], "1 to 100000000"),
        ("device_count", 10**12, "1 to 1024"),
        ("device_count", -1, "1 to 1024"),
        ("device_count", True, "1 to 1024"),
        ("concurrency", 0, "1 to 10000"),
        ("kv_cache_type", "q3", "f16"),
        ("kv_cache_type", 16, "q8_0"),
        ("flash_attention", "perhaps", "boolean"),
        ("system_memory_gb", float("nan"), "0.001 to 1000000"),
        ("system_memory_gb", -64, "0.001 to 1000000"),
        ("system_memory_gb", 1e300, "0.001 to 1000000"),
        ("quantization", "", "string"),
        ("quantization", "q" * 300, "string"),
        ("quantization", 4, "string"),
        ("context", None, "1 to 100000000"),
    ],
)
def test_bad_argument_names_field_and_range(index: Index, field: str, value: object, accepted: str) -> None:
    for name in ("check_fit", "estimate_speed"):
        found = problems(index, name, {**FIT, field: value})
        assert list(found) == [field]
        assert accepted in found[field]


def test_unknown_key_lists_the_known(index: Index) -> None:
    found = problems(index, "check_fit", {**FIT, "contxt": 8192})
    assert set(found["contxt"].split(", ")) >= {"model", "context", "kv_cache_type"}


def test_missing_arguments_are_all_named(index: Index) -> None:
    assert set(problems(index, "check_fit", {})) == {"model", "device"}
    assert set(problems(index, "check_fit", {"context": -1})) == {"model", "device", "context"}


@pytest.mark.parametrize("arguments", [None, [], "model", 7])
def test_arguments_that_are_no_object(index: Index, arguments: object) -> None:
    assert list(problems(index, "check_fit", arguments)) == ["(arguments)"]


@pytest.mark.parametrize("field", ["model", "device"])
@pytest.mark.parametrize(
    "value", ["", "   ", "n" * 300, 7, True, ["RTX 4090"], {}, {"name": "mine"}, {"memory_gib": -1}]
)
def test_model_and_device_are_names_or_objects(index: Index, field: str, value: object) -> None:
    found = problems(index, "check_fit", {**FIT, field: value})
    assert all(key.split(".")[0] == field for key in found)


def test_long_values_are_shown_short(index: Index) -> None:
    with pytest.raises(InvalidArguments) as caught:
        TOOLS["check_fit"].call(index, {**FIT, "quantization": "q" * 100_000})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("lookup_spec", {"name": "RTX 5090", "kind": "toasters"}, "kind"),
        ("compare_devices", {"devices": ["RTX 4090"]}, "devices"),
        ("search_passages", {"query": "vram", "k": 51}, "k"),
        ("search_passages", {"query": ""}, "query"),
        ("estimate_power_cost", {}, "watts"),
        ("estimate_power_cost", {"watts": 100, "device": "RTX 5090"}, "watts"),
        ("estimate_power_cost", {"watts": 100, "currency": "dollars"}, "currency"),
        ("estimate_load_time", {}, "size_gb"),
        ("estimate_transfer_time", {"link": "NVLink 3"}, "size_gb"),
        ("what_runs_on", {"device": "RTX 4090", "limit": 0}, "limit"),
        ("recommend_hardware", {"models": []}, "models"),
        ("recommend_hardware", {"budget_usd": -5}, "budget_usd"),
        ("rent_or_buy", {"purchase": 0, "rent_per_hour": 1}, "purchase"),
        ("cost_per_million_tokens", {"cost_per_hour": 1, "tokens_per_s": float("inf")}, "tokens_per_s"),
        ("estimate_training_memory", {"model": "llama 3.1 8b", "rank": 0}, "rank"),
        ("kv_cache_size", {"model": "llama 3.1 8b", "context": -1}, "context"),
    ],
)
def test_other_tools_name_the_field(index: Index, name: str, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises((InvalidArguments, InvalidArgument)) as caught:
        TOOLS[name].call(index, arguments)
    assert field in str(caught.value)
    assert "accepted" in str(caught.value)


@pytest.mark.parametrize("field", ["model", "device", "quantization"])
def test_unknown_names_come_with_suggestions(index: Index, field: str) -> None:
    typed = {"model": "lama 3.1 71b", "device": "rtx 5091", "quantization": "q4_k_z9"}[field]
    with pytest.raises(UnknownName) as caught:
        TOOLS["check_fit"].call(index, {**FIT, field: typed})
    assert (caught.value.kind, caught.value.name) == (field, typed)
    assert caught.value.suggestions


numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.sampled_from([1, 2, 8192, 131072, 10**8]),
)
names = st.one_of(
    st.sampled_from(
        ["llama 70b", "qwen3 30b", "deepseek r1", "RTX 4090", "2x 3090", "m2 ultra 64gb", "i9", "q4", "4.5bpw"]
    ),
    st.text(max_size=12),
    st.dictionaries(
        st.sampled_from(["memory_gib", "memory_bandwidth_gb_per_s", "num_hidden_layers", "hidden_size", "num_experts"]),
        numbers,
        max_size=4,
    ),
)
kv_types = st.one_of(st.sampled_from(["f16", "q8_0", "q4_0", "iq4_nl"]), st.text(max_size=4))


def test_any_arguments_are_answered_or_refused(index: Index) -> None:
    @settings(deadline=None, max_examples=60)
    @given(
        arguments=st.fixed_dictionaries(
            {"model": names, "quantization": names, "device": names},
            optional={
                "device_count": numbers,
                "context": numbers,
                "concurrency": numbers,
                "system_memory_gb": numbers,
                "kv_cache_type": kv_types,
                "flash_attention": st.one_of(st.booleans(), numbers),
                "surplus": numbers,
            },
        )
    )
    def ask(arguments: dict[str, Any]) -> None:
        try:
            result = call(index, "check_fit", arguments)
        except KnowledgeBaseError as error:
            refused = str(error)
            assert refused
        else:
            assert result["verdict"] in ("fits", "fits_with_offload", "does_not_fit")

    ask()


def test_any_figures_within_the_ranges(index: Index) -> None:
    @settings(deadline=None, max_examples=60)
    @given(
        model=st.fixed_dictionaries(
            {
                "num_hidden_layers": st.integers(1, 10**7),
                "hidden_size": st.integers(1, 10**7),
                "num_attention_heads": st.integers(1, 10**7),
            },
            optional={
                "params_total": st.integers(1, 10**15),
                "params_active": st.integers(1, 10**15),
                "num_key_value_heads": st.integers(1, 10**7),
                "head_dim": st.integers(1, 10**7),
                "vocab_size": st.integers(1, 10**7),
                "num_experts": st.integers(1, 10**4),
                "num_experts_per_tok": st.integers(1, 10**4),
                "sliding_window": st.integers(1, 10**7),
                "sliding_window_pattern": st.integers(1, 10**3),
                "kv_lora_rank": st.integers(1, 10**4),
            },
        ),
        device=st.fixed_dictionaries(
            {"memory_gib": st.floats(1e-6, 1e6), "memory_bandwidth_gb_per_s": st.floats(1e-6, 1e6)},
            optional={
                "fp16_dense_tflops": st.floats(1e-6, 1e6),
                "backend": st.sampled_from(["cuda", "metal", "cpu", "rocm"]),
            },
        ),
        count=st.integers(1, 1024),
        context=st.integers(1, 10**8),
    )
    def ask(model: dict[str, Any], device: dict[str, Any], count: int, context: int) -> None:
        asked = {"model": model, "quantization": "q4_k_m", "device": device, "device_count": count, "context": context}
        for name in ("check_fit", "estimate_speed"):
            try:
                result = call(index, name, asked)
            except KnowledgeBaseError as error:
                refused = str(error)
                assert refused
            else:
                DIALECT(TOOLS[name].schema()["output_schema"]).validate(result)

    ask()
