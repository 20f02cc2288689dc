"""Families of models: each layer by what the config says, and nothing guessed of those that are not known."""

import re
from dataclasses import replace
from importlib import import_module, resources

import gguf
import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from kb.calc.memory import families
from kb.calc.memory.architecture import Attention, Experts, LatentAttention, LinearAttention, Mlp
from kb.calc.memory.config import Config
from kb.calc.memory.families import CONFIG_NAMES, FAMILIES, GGUF_NAMES, UnknownFamily, architecture_of
from kb.calc.memory.families.header import ModelHeader
from kb.calc.memory.kv_cache import kv_cache_bytes, kv_cache_sum, padded
from kb.calc.memory.weights import weights_of
from kb.calc.speed.decode import weights_read
from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel

STARCODER = Config(
    "StarCoder2 15B", 15_957_889_024, 15_957_889_024, 40, 6144, 48, 4, 128, 49152, 24576, sliding_window=4096
)
MODELS = [record for record in Catalogue.load().known.specs["models"].values() if isinstance(record, LanguageModel)]


def windows(config: Config) -> list[int]:
    return [layer.mixer.window for layer in architecture_of(config).layers if isinstance(layer.mixer, Attention)]


def test_names_are_the_formats_own_and_each_is_of_one_family() -> None:
    assert set(GGUF_NAMES) <= set(gguf.MODEL_ARCH_NAMES.values())
    names = [name for family in FAMILIES for name in (*family.gguf_names, *family.config_names)]
    assert all(CONFIG_NAMES[name] is GGUF_NAMES[name] for name in set(CONFIG_NAMES) & set(GGUF_NAMES))
    assert len(names) == len(CONFIG_NAMES) + len(GGUF_NAMES)
    assert len(set(CONFIG_NAMES) & set(CONFIG_MAPPING_NAMES)) > 0.7 * len(CONFIG_NAMES)


def test_every_module_of_the_folder_is_found() -> None:
    files = {entry.name for entry in resources.files(families).iterdir() if entry.name.endswith(".py")}
    kinds = {name.removesuffix(".py") for name in files - {"__init__.py", "base.py", "header.py"}}
    assert all(import_module(f"{families.__name__}.{kind}").FAMILIES[0] in FAMILIES for kind in kinds)


def compressed(config: Config, ratios: str, context: int) -> int:
    """Windows of K alone; rows of each ratio, with an indexer's keys up to 4; and what the compressors hold, f32."""
    head, index = config.head_dim, config.whole("index_head_dim")
    total = config.num_hidden_layers * 2 * head * padded(config.sliding_window + 512)
    for ratio in map(int, ratios.split()[: config.num_hidden_layers]):
        if 0 < ratio <= 4:
            total += 2 * (head + index) * padded(padded(context) // ratio) + 8 * 2 * ratio * 2 * (head + index)
        elif ratio:
            total += 2 * head * padded(-(-padded(context) // ratio)) + 8 * ratio * head
    return total


@pytest.mark.parametrize("record", MODELS, ids=lambda record: record.slug)
def test_the_cache_of_every_known_model_by_the_formula(record: LanguageModel) -> None:
    """From the record's own counts, whatever the order of the layers."""
    config = Config.of(record)
    context = 20_000
    linear, free = config.num_linear_layers, config.num_attention_free_layers
    kept = 0 if "whole context" in " ".join(architecture_of(config).assumed) else config.num_sliding_layers
    full = config.num_hidden_layers - linear - free - kept
    own = config.num_hidden_layers - config.num_kv_shared_layers
    if ratios := dict(config.more).get("compress_ratios"):
        assert kv_cache_bytes(architecture_of(config), context) == compressed(config, str(ratios), context)
        return
    if record.attention == "mla":
        row = config.kv_lora_rank + config.qk_rope_head_dim
        expected = full * row * padded(context)
    else:
        wide = (config.num_global_key_value_heads or config.num_key_value_heads) * (
            config.global_head_dim or config.head_dim
        )
        narrow = config.num_key_value_heads * config.head_dim
        window = padded(min(padded(context), config.sliding_window + 512))
        expected = 2 * (full * wide * padded(context) + kept * narrow * window) * own // config.num_hidden_layers
        if config.v_head_dim:
            expected = expected * (config.head_dim + config.v_head_dim) // (2 * config.head_dim)
    assert kv_cache_bytes(architecture_of(config), context) == 2 * expected + config.linear_state_bytes


@pytest.mark.parametrize("record", MODELS, ids=lambda record: record.slug)
def test_every_known_model_has_a_family(record: LanguageModel) -> None:
    assert record.model_type is not None
    assert record.model_type.value in CONFIG_NAMES
    mixers = architecture_of(Config.of(record)).mixers
    assert (record.attention == "mla") == any(isinstance(mixer, LatentAttention) for mixer in mixers)


TOLD_APART = re.compile("two matrices|output gate|twice as wide|second layer is dense|state beside")
"""What a record says of parameters that the tensors of most models do not have, or have twice."""


@pytest.mark.parametrize("record", MODELS, ids=lambda record: record.slug)
def test_the_shape_gives_the_parameters_or_the_record_says_why(record: LanguageModel) -> None:
    """But for norms and for linear layers, whose tensors are not told one by one."""
    architecture = architecture_of(Config.of(record))
    notes = " ".join(figure.note for _, figure in record.figures())
    if not architecture.linear_states and not TOLD_APART.search(notes):
        assert architecture.shape_params == pytest.approx(architecture.params_total, rel=0.015)


@pytest.mark.parametrize("model_type", ["mistral", "mixtral", "phi3", "qwen2", "qwen3_moe", "starcoder2"])
def test_a_window_that_llama_cpp_does_not_use(model_type: str) -> None:
    """StarCoder2 15B: 40 layers × 2 × 4 heads × 128 × 2 bytes, for every token of the context."""
    unused = architecture_of(replace(STARCODER, model_type=model_type, num_sliding_layers=40))
    assert kv_cache_bytes(unused, 16384) == 40 * 2 * 4 * 128 * 2 * 16384
    assert any("whole context" in note for note in unused.assumed)
    used = architecture_of(replace(STARCODER, num_sliding_layers=40))
    assert kv_cache_bytes(used, 16384) == 40 * 2 * 4 * 128 * 2 * (4096 + 512)


def test_where_the_config_does_not_list_its_layers_the_family_knows() -> None:
    period = {"gemma2": 2, "gpt_oss": 2, "cohere2": 4, "gemma3_text": 6, "gemma4": 6}
    for model_type, every in period.items():
        found = windows(replace(STARCODER, model_type=model_type))
        assert [layer for layer, window in enumerate(found) if not window] == list(range(every - 1, 40, every))
    assert windows(replace(STARCODER, model_type="gemma3_text", sliding_window_pattern=5))[:5] == [4096] * 4 + [0]


def test_wider_heads_of_layers_without_a_window() -> None:
    wide = replace(STARCODER, model_type="gemma4", global_head_dim=512, num_global_key_value_heads=2)
    assert architecture_of(wide).mixers == {Attention(4, 128, 4096): 34, Attention(2, 512): 6}


def test_layers_that_share_a_cache_keep_none_and_read_it() -> None:
    config = replace(STARCODER, model_type="gemma4", num_kv_shared_layers=10)
    shared = architecture_of(config)
    assert shared.layers[-1].mixer == replace(shared.layers[0].mixer, shared=True)
    fewer = architecture_of(replace(config, num_hidden_layers=30, num_kv_shared_layers=0))
    assert kv_cache_bytes(shared, 16384) == kv_cache_bytes(fewer, 16384)
    assert kv_cache_sum(shared, 16384, "f16") == kv_cache_sum(fewer, 16384, "f16")


def test_a_second_embedding_stays_in_host_memory() -> None:
    """49,152 words × 40 layers × 64 at Q8_0, 34 bytes for 32."""
    plain = replace(STARCODER, model_type="gemma4")
    table = 49152 * 40 * 64
    record = Catalogue.load().known.specs["quantizations"]["q8_0"]
    with_table = replace(plain, hidden_size_per_layer_input=64, params_total=plain.params_total + table)
    more, less = (weights_of(architecture_of(config), record) for config in (with_table, plain))
    assert more.device_bytes == pytest.approx(less.device_bytes, rel=1e-6)
    assert more.embedding_bytes - less.embedding_bytes == pytest.approx(table * 34 / 32, rel=1e-6)


def test_tables_for_sequences_of_words_are_looked_up_and_not_read() -> None:
    """A row of 160 for each of 16 heads, 20 million rows a head: 51.2 billion, in host memory."""
    keys = (("ngram_vocab_size_base", 20_000_000), ("ple_embed_dim", 2560))
    config = replace(STARCODER, sliding_window=0, model_type="qwen4_exp")
    plain = architecture_of(config)
    with_table = architecture_of(replace(config, more=keys, params_total=config.params_total + 51_200_000_000))
    assert with_table.looked_up_params == 51_200_000_000
    assert any("51,200,000,000" in note for note in with_table.assumed)
    record = Catalogue.load().known.specs["quantizations"]["q8_0"]
    more, less = weights_of(with_table, record), weights_of(plain, record)
    assert more.device_bytes == pytest.approx(less.device_bytes, rel=1e-6)
    assert more.embedding_bytes - less.embedding_bytes == 51_200_000_000 * 34 // 32
    assert weights_read(with_table, more) == weights_read(plain, less)


def test_keys_of_windows_under_names_of_their_own() -> None:
    keys = {"sliding_window_size": 512, "swa_num_key_value_heads": 16, "dense_mlp_idx": 2,
            "dense_intermediate_size": 24576}  # fmt: skip
    config = Config("i", 10**12, 4 * 10**10, 66, 6144, 64, 8, 128, 201024, 3072, "inkling_mm_model",
                    num_experts=256, num_experts_per_tok=6, num_shared_experts=2, more=tuple(keys.items()))  # fmt: skip
    made = architecture_of(config)
    assert made.mixers == {Attention(16, 128, 512): 55, Attention(8, 128): 11}
    assert [layer.feed_forward for layer in made.layers[1:3]] == [Mlp(24576), Experts(256, 6, 3072, 6144)]


def test_what_writes_by_blocks_says_that_speeds_are_of_token_after_token() -> None:
    assert "one token after the other" in architecture_of(replace(STARCODER, model_type="diffusion_gemma")).assumed[0]


def test_compressed_rows_need_a_ratio_for_each_layer() -> None:
    with pytest.raises(ValueError, match="compress_ratios does not tell each layer's"):
        architecture_of(replace(STARCODER, model_type="deepseek_v4", more=(("compress_ratios", "0 4 128"),)))


def test_windows_in_all_but_the_first_of_each_few() -> None:
    first = windows(replace(STARCODER, model_type="step3p5"))
    assert [layer for layer, window in enumerate(first) if not window] == list(range(0, 40, 4))
    both = windows(replace(STARCODER, model_type="mimo_v2_flash", v_head_dim=64))
    assert [layer for layer, window in enumerate(both) if not window] == [0, *range(5, 40, 6)]


def test_chunks_are_cached_as_a_window_of_8192() -> None:
    assert set(windows(replace(STARCODER, model_type="llama4_text", sliding_window=0))) == {8192, 0}


def test_a_list_of_layers_goes_before_what_is_usual() -> None:
    kinds = ("full_attention", *["sliding_attention"] * 39)
    assert windows(replace(STARCODER, model_type="gemma3_text", layer_types=kinds)) == [0] + [4096] * 39
    with pytest.raises(ValueError, match="'whirling_attention'; known are full_attention"):
        architecture_of(replace(STARCODER, layer_types=("whirling_attention",) * 40))
    with pytest.raises(ValueError, match="lists 3 of num_hidden_layers"):
        architecture_of(replace(STARCODER, layer_types=kinds[:3]))


def test_counts_that_contradict_the_family_are_refused() -> None:
    with pytest.raises(ValueError, match="num_sliding_layers is 30, and a model_type of 'gemma2' makes it 20 of 40"):
        architecture_of(replace(STARCODER, model_type="gemma2", num_sliding_layers=30))


def test_an_unknown_architecture_is_refused_with_the_nearest_and_what_to_do() -> None:
    with pytest.raises(UnknownFamily, match=r"'gemma9' is not known.*nearest are gemma.*by hand") as refused:
        architecture_of(replace(STARCODER, model_type="gemma9"))
    assert all(name in str(refused.value) for name in CONFIG_NAMES)


def test_the_state_of_linear_layers_from_the_configs_own_keys() -> None:
    """By llama.cpp's n_embd_r and n_embd_s: a convolution's last inputs and a matrix for each value head."""
    keys = {"linear_num_value_heads": 32, "linear_value_head_dim": 128, "linear_num_key_heads": 16,
            "linear_key_head_dim": 128, "linear_conv_kernel_dim": 4}  # fmt: skip
    config = replace(STARCODER, sliding_window=0, model_type="qwen3_next", more=tuple(keys.items()))
    assert architecture_of(config).mixers == {LinearAttention(4 * (3 * 8192 + 128 * 4096)): 30, Attention(4, 128): 10}


def test_attention_with_a_state_beside_it() -> None:
    with pytest.raises(ValueError, match="lacks mamba_n_heads"):
        architecture_of(replace(STARCODER, sliding_window=0, model_type="falcon_h1"))
    plain = architecture_of(replace(STARCODER, sliding_window=0))
    both = architecture_of(replace(STARCODER, sliding_window=0, model_type="falcon_h1", linear_state_bytes=40 * 1000))
    assert kv_cache_bytes(both, 4096, concurrency=3) == kv_cache_bytes(plain, 4096, concurrency=3) + 3 * 40 * 1000
    assert kv_cache_sum(both, 4096, "f16").endswith("40 layers × 1,000 bytes (constant state)")


def test_layers_that_are_a_mixer_or_a_block() -> None:
    pattern = (("hybrid_override_pattern", "M-M*" * 10),)
    layers = architecture_of(replace(STARCODER, sliding_window=0, model_type="nemotron_h", more=pattern)).layers
    assert [bool(layer.mixer) for layer in layers[:4]] == [True, False, True, True]
    assert all(bool(layer.mixer) != bool(layer.feed_forward) for layer in layers)


def test_the_order_of_a_hybrid_is_told_or_marked_as_taken() -> None:
    hybrid = replace(STARCODER, sliding_window=0, model_type="lfm2")
    with pytest.raises(ValueError, match="layer_types, which say what each layer is, are missing"):
        architecture_of(hybrid)
    assert "spread evenly" in architecture_of(replace(hybrid, num_linear_layers=20)).assumed[0]
    listed = architecture_of(replace(hybrid, layer_types=("conv", "full_attention") * 20))
    assert not listed.assumed
    assert listed.mixers[Attention(4, 128)] == 20


def test_kv_heads_that_differ_by_layer_are_counted_each() -> None:
    keys = {"block_count": 4, "embedding_length": 1024, "feed_forward_length": 4096, "attention.head_count": 8,
            "attention.head_count_kv": [8, 4, 0, 2]}  # fmt: skip
    header = ModelHeader("deci", {f"deci.{key}": value for key, value in keys.items()})
    config = header.config("d", params_total=10**9, params_active=10**9, vocab_size=32000, tie_word_embeddings=False)
    assert [layer.mixer and layer.mixer.row_elements[0] for layer in architecture_of(config).layers] == [
        1024,
        512,
        None,
        256,
    ]
