"""Models given by the figures of a ``config.json``, with every key that such files carry."""

import pytest

from kb.errors import InvalidArgument
from kb.search.live import Index
from kb.tools import TOOLS

NULLS = {"rope_scaling": None, "quantization_config": None, "bos_token_id": 1, "torch_dtype": "bfloat16"}
DEEPSEEK_V3 = {
    "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128,
    "vocab_size": 129280, "intermediate_size": 18432, "moe_intermediate_size": 2048, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "kv_lora_rank": 512,
    "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
}  # fmt: skip
GEMMA_3_4B_TEXT = {
    "hidden_size": 2560, "num_hidden_layers": 34, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
    "intermediate_size": 10240, "vocab_size": 262208, "sliding_window": 1024,
}  # fmt: skip


def check_fit(index: Index, **arguments: object) -> dict[str, object]:
    return TOOLS["check_fit"].call(index, {"quantization": "q4_k_m", "device": "4090", **arguments}).model_dump()


@pytest.mark.parametrize("tool", ["check_fit", "estimate_speed"])
def test_keys_without_a_value_and_keys_of_no_use_do_not_stop_an_answer(index: Index, tool: str) -> None:
    given = {"model": GEMMA_3_4B_TEXT | NULLS, "quantization": "q4_k_m", "device": "4090"}
    assert "rope_scaling" in " ".join(TOOLS[tool].call(index, given).assumptions)


def test_deepseek_v3_has_671_billion_parameters_by_its_shapes(index: Index) -> None:
    answer = check_fit(index, model=DEEPSEEK_V3)
    assert "671.03 billion" in str(answer["assumptions"])
    known = check_fit(index, model="deepseek-v3")
    assert answer["required_gb"] == pytest.approx(known["required_gb"], rel=0.03)


def test_the_text_part_of_a_vision_model_is_taken(index: Index) -> None:
    whole = {"model_type": "gemma3", "vision_config": {"hidden_size": 1152}, "tie_word_embeddings": True}
    answer = check_fit(index, model=whole | {"text_config": GEMMA_3_4B_TEXT})
    assert "3.88 billion" in str(answer["assumptions"])


def test_listed_layers_that_slide_keep_a_short_cache(index: Index) -> None:
    kinds = (["sliding_attention"] * 5 + ["full_attention"]) * 6
    long = {"context": 65_536, "model": GEMMA_3_4B_TEXT}
    sliding = check_fit(index, **long | {"model": GEMMA_3_4B_TEXT | {"layer_types": kinds[:34]}})
    assert float(str(sliding["required_gb"])) < float(str(check_fit(index, **long)["required_gb"])) - 5


def test_without_a_bandwidth_there_is_a_verdict_and_no_speed(index: Index) -> None:
    card = {"memory_gib": 16}
    assert check_fit(index, model="llama-3-1-8b", device=card)["verdict"] == "fits"
    runs = TOOLS["what_runs_on"].call(index, {"device": card, "limit": 3})
    assert [entry.decode_tokens_per_s for entry in runs.models] == [None, None, None]
    with pytest.raises(InvalidArgument, match="memory_bandwidth_gb_per_s"):
        TOOLS["estimate_speed"].call(index, {"model": "llama-3-1-8b", "quantization": "q4_k_m", "device": card})


def test_a_model_published_in_mxfp4_stays_so_in_other_gguf_types(index: Index) -> None:
    mixed = check_fit(index, model="gpt-oss-20b")
    native = check_fit(index, model="gpt-oss-20b", quantization="mxfp4")
    assert mixed["required_gb"] == pytest.approx(native["required_gb"], rel=0.05)


def test_the_family_knows_what_a_config_does_not_list(index: Index) -> None:
    """Gemma 3 4B: 5 of 34 layers keep all of the context, though the config has a window and no list."""
    by_family = check_fit(index, model=GEMMA_3_4B_TEXT | {"model_type": "gemma3_text"}, context=65_536)
    listed = (["sliding_attention"] * 5 + ["full_attention"]) * 6
    assert (
        by_family["breakdown"]
        == check_fit(
            index, model=GEMMA_3_4B_TEXT | {"model_type": "gemma3_text", "layer_types": listed[:34]}, context=65_536
        )["breakdown"]
    )


def test_keys_of_a_family_are_read_and_not_named_as_unused(index: Index) -> None:
    state = {"linear_num_value_heads": 32, "linear_value_head_dim": 128, "linear_num_key_heads": 16,
             "linear_key_head_dim": 128, "linear_conv_kernel_dim": 4}  # fmt: skip
    hybrid = {"model_type": "qwen3_next", "hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 16,
              "num_key_value_heads": 2, "head_dim": 256, "intermediate_size": 5120} | state  # fmt: skip
    answer = TOOLS["kv_cache_size"].call(index, {"model": hybrid, "context": 4096})
    assert answer.kv_cache_gb == round((12 * 2 * 2 * 256 * 2 * 4096 + 36 * 2195456) / 1e9, 4)
    assert "linear_num" not in " ".join(answer.assumptions)


@pytest.mark.parametrize("value", [10**30, -1, 2.5, True, [3], "many"])
def test_a_familys_key_that_is_no_number_of_use_is_refused(index: Index, value: object) -> None:
    with pytest.raises(InvalidArgument, match=r"model\.global_head_dim"):
        check_fit(index, model=GEMMA_3_4B_TEXT | {"model_type": "gemma4_text", "global_head_dim": value})


def test_an_unknown_architecture_is_refused_and_never_guessed(index: Index) -> None:
    with pytest.raises(InvalidArgument, match=r"model\.model_type is 'qwen9'; .*nearest are qwen.*by hand") as refused:
        check_fit(index, model=GEMMA_3_4B_TEXT | {"model_type": "qwen9"})
    assert "gemma3_text" in str(refused.value)
    check_fit(index, model=GEMMA_3_4B_TEXT | {"model_type": None})
