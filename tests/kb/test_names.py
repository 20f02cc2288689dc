"""What people type, over everything that we ship."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kb.catalogue.names import DEVICE_KINDS, Names
from kb.catalogue.records import LanguageModel, kinds
from kb.catalogue.records.labels import label_key
from kb.errors import AmbiguousName, UnknownName
from kb.search.live import Index

UNKNOWN_MODELS = [
    "Qwen3 VL 33B", "Qwen3 Embedding 9B", "Gemma 4 E6B", "Gemma 3n E8B", "DeepSeek V6 Flash", "DeepSeek V6 Pro",
    "Kimi K4.6", "Kimi K4", "Kimi Linear 70B", "GLM 6.1", "GLM 6.2", "MiniMax M5", "Mistral Small 6 119B",
    "Devstral 4 123B", "Ministral 5 8B", "Granite 6.0 H Small", "LFM4 8B A1B", "LFM4.5 1.2B", "Ornith 3.5 35B",
    "Ornith 11B", "Hy5 780B", "Step 5.7 Flash", "Ling 5.0 Flash 127B", "EXAONE 6.5 33B", "Falcon H3 34B", "Mellum2 4B",
    "Command A Plus 218B", "ERNIE 6.5 21B", "GigaChat 3.5", "Qwen2.5 Coder 4B", "Llama 5 70B",
    "Qwen3.9 27B", "Mistral Medium 5.5 128B", "Llama 5 8B", "Llama 3.1 8B VL", "GLM 4.5 VL", "Qwen3 32B VL",
    "Magistral Medium", "Command Z", "Mixtral 9x7B", "Qwen 4.2 31B", "DeepSeek V5 Flash", "llama-3.1-8b-2407",
]  # fmt: skip
"""Real models that the catalogue does not hold, and names invented in their manner. One that enters
the catalogue leaves the list."""

UNKNOWN_DEVICES = [
    "RTX 4090 Ti", "RTX 5090 Ti", "4090 ti", "RTX 4090 Super", "RX 7600 XTX", "RX 6800 XTX", "RTX A6000 Ada",
    "DGX Spark Pro", "M4 Ultra", "Mac Studio M4 Ultra",
    "i9-13900KS", "RTX 2090", "H150", "RTX 3060 48GB", "2080 Ti 20GB", "GTX 1050 Ti Laptop GPU", "m3 max 100",
    "Raspberry Pi 4", "Ryzen 7 5900X3D",
]  # fmt: skip

SUFFIXES = ("Ti", "XTX", "Ultra", "Flash", "VL", "Max-Q", "KS", "Pro", "9.9", "7777")

EVERYTHING = ("terms", *(kind for kind in kinds if kind != "measurements"))


@pytest.fixture(scope="module")
def names(index: Index) -> Names:
    return index.names


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        ("5090", "rtx-5090"),
        ("rtx5090", "rtx-5090"),
        ("RTX 5090 32GB", "rtx-5090"),
        ("rtx 5090 (32 GB)", "rtx-5090"),
        ("my rtx 5090", "rtx-5090"),
        ("NVIDIA GeForce RTX 5090", "rtx-5090"),
        ("  GeForce  RTX-5090 gpu ", "rtx-5090"),
        ("RTX5O90", None),
        ("rtx 3060 12gb", "rtx-3060-12gb"),
        ("RTX 3060 (8 GB)", "rtx-3060-8gb"),
        ("4090", "rtx-4090"),
        ("dgx spark", "dgx-spark"),
        ("DGX-Spark", "dgx-spark"),
        ("nvidia dgx spark", "dgx-spark"),
        ("m2 ultra", "m2-ultra-76"),
        ("Apple M2 Ultra 192GB", "m2-ultra-76"),
        ("7900 XTX", "rx-7900-xtx"),
        ("Radeon RX 7900 XTX", "rx-7900-xtx"),
        ("rtx 6000 ada", "rtx-6000-ada"),
        ("H100", None),
    ],
)
def test_devices(names: Names, typed: str, slug: str | None) -> None:
    if slug is None:
        with pytest.raises((UnknownName, AmbiguousName)) as caught:
            names.resolve(DEVICE_KINDS, typed)
        assert typed in str(caught.value)
    else:
        assert names.resolve(DEVICE_KINDS, typed).slug == slug


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        ("llama 70b", "llama-3-1-70b"),
        ("llama3.1:70b", "llama-3-1-70b"),
        ("Llama-3.1-70B-Instruct", "llama-3-1-70b"),
        ("meta-llama/Llama-3.1-70B-Instruct", "llama-3-1-70b"),
        ("Meta-Llama-3.1-70B-Instruct-Q4_K_M.gguf", "llama-3-1-70b"),
        ("llama 3.1 70b", "llama-3-1-70b"),
        ("70b", "llama-3-1-70b"),
        ("70 billion", "llama-3-1-70b"),
        ("7B", "mistral-7b"),
        ("llama 3 70b", "llama-3-70b"),
        ("llama 2 7b chat", "llama-2-7b"),
        ("qwen2.5:32b", "qwen2-5-32b"),
        ("Qwen/Qwen2.5-32B-Instruct", "qwen2-5-32b"),
        ("mixtral 8x7b", "mixtral-8x7b"),
        ("gpt-oss 20b", "gpt-oss-20b"),
        ("deepseek r1", "deepseek-r1"),
        ("DeepSeek-R1-0528", "deepseek-r1"),
        ("Qwen3-30B-A3B-Instruct-2507-Q4_K_M.gguf", "qwen3-30b-a3b-2507"),
        ("mistral-large-2411", "mistral-large-123b"),
    ],
)
def test_models(names: Names, typed: str, slug: str) -> None:
    assert names.resolve(("models",), typed).slug == slug


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        ("q4", "q4_k_m"),
        ("Q4_K_M", "q4_k_m"),
        ("q4km", "q4_k_m"),
        ("4-bit", "q4_k_m"),
        ("4 bit", "q4_k_m"),
        ("4bit", "q4_k_m"),
        ("8-bit", "q8_0"),
        ("q8", "q8_0"),
        ("fp16", "f16"),
        ("NVFP4", "nvfp4"),
        ("mxfp4", "mxfp4"),
    ],
)
def test_quantizations(names: Names, typed: str, slug: str) -> None:
    assert names.resolve(("quantizations",), typed).slug == slug


@pytest.mark.parametrize(
    ("kinds_", "typed", "slug"),
    [
        (("terms",), "quantisaton", "quantization"),
        (("terms",), "unifed memory", "unified-memory"),
        (("terms",), "kv cahce", "kv-cache"),
        (DEVICE_KINDS, "dgx sparc", "dgx-spark"),
        (DEVICE_KINDS, "GeForse RTX 5090", "rtx-5090"),
        (("models",), "lama 3.1 70b", "llama-3-1-70b"),
        (("models",), "mistrall 7b", "mistral-7b"),
    ],
)
def test_typing_errors_are_read_and_told(names: Names, kinds_: tuple[str, ...], typed: str, slug: str) -> None:
    match = names.resolve(kinds_, typed)
    assert match.slug == slug
    assert typed in match.note
    assert match.label in match.note


def test_ambiguous_name_says_between_what(names: Names) -> None:
    with pytest.raises(AmbiguousName) as caught:
        names.resolve(DEVICE_KINDS, "3060")
    assert len(caught.value.candidates) == 2
    assert all("3060" in candidate for candidate in caught.value.candidates)
    assert "8" in str(caught.value)
    assert "12" in str(caught.value)


@pytest.mark.parametrize("typed", ["5070", "5080", "5090", "rtx 5080", "RTX-5070", "4070", "4080", "3080", "3090"])
def test_a_number_is_never_read_as_another(names: Names, typed: str) -> None:
    digits = "".join(filter(str.isdigit, typed))
    try:
        found = [names.resolve(DEVICE_KINDS, typed).label]
    except AmbiguousName as error:
        found = list(error.candidates)
    assert all(digits in label for label in found)


@pytest.mark.parametrize("typed", ["rtx 5091", "RTX 9999", "geforce 1234", "llama 3.1 71b", "q9_k_m"])
def test_a_number_that_does_not_exist_is_unknown(names: Names, typed: str) -> None:
    with pytest.raises(UnknownName):
        names.resolve(EVERYTHING, typed)


@pytest.mark.parametrize(
    ("typed", "near"), [("rtx 5091", "5090"), ("llama 3.1 71b", "Llama"), ("conectx-77", "ConnectX")]
)
def test_unknown_name_comes_with_the_nearest(names: Names, typed: str, near: str) -> None:
    with pytest.raises(UnknownName) as caught:
        names.resolve(EVERYTHING, typed, "thing")
    assert 1 <= len(caught.value.suggestions) <= 5
    assert any(near in suggestion for suggestion in caught.value.suggestions)
    assert f"No thing is called {typed!r}. Nearest: " in str(caught.value)


@pytest.mark.parametrize("typed", [*UNKNOWN_MODELS, *UNKNOWN_DEVICES])
def test_nothing_answers_for_another_thing(names: Names, typed: str) -> None:
    for kinds_ in (*((kind,) for kind in EVERYTHING), DEVICE_KINDS, EVERYTHING):
        with pytest.raises(UnknownName) as caught:
            names.resolve(kinds_, typed)
        assert typed in str(caught.value)


def test_a_name_with_more_to_it_is_not_its_record(index: Index) -> None:
    """A suffix that no record explains makes another thing of every device and model."""
    for kind in (*DEVICE_KINDS, "models"):
        for spec in index.known.specs[kind].values():
            for suffix in SUFFIXES:
                for found in found_by(index.names, (kind,), f"{spec.name} {suffix}"):
                    assert suffix.casefold() in found.casefold(), (spec.name, suffix, found)


@pytest.mark.parametrize(
    ("typed", "first"),
    [("RTX 4090 Ti", "GeForce RTX 4090"), ("Llama 3.1 8B VL", "Llama 3.1 8B")],
)
def test_the_nearest_comes_first(names: Names, typed: str, first: str) -> None:
    assert names.suggest((*DEVICE_KINDS, "models"), typed)[0] == first


@pytest.mark.parametrize(
    ("typed", "candidates"),
    [
        (
            "RX 7900",
            {"AMD Radeon RX 7900 XT", "AMD Radeon RX 7900 XTX", "AMD Radeon RX 7900 GRE", "AMD Radeon RX 7900M"},
        ),
        ("1060", {"GeForce GTX 1060 3GB", "GeForce GTX 1060 6GB"}),
        ("GeForse GTX 1060", {"GeForce GTX 1060 3GB", "GeForce GTX 1060 6GB"}),
        ("a100 80", {"NVIDIA A100 80GB PCIe", "NVIDIA A100 80GB SXM4"}),
    ],
)
def test_a_short_form_of_several_is_ambiguous(names: Names, typed: str, candidates: set[str]) -> None:
    with pytest.raises(AmbiguousName) as caught:
        names.resolve(DEVICE_KINDS, typed)
    assert set(caught.value.candidates) == candidates


@pytest.mark.parametrize(
    ("typed", "slug", "memory"),
    [
        ("m3 max 128", "m3-max-40", 128),
        ("agx orin 64", "jetson-agx-orin-64gb", None),
        ("rtx 3060 12", "rtx-3060-12gb", None),
    ],
)
def test_memory_without_its_unit(names: Names, typed: str, slug: str, memory: int | None) -> None:
    match = names.resolve(DEVICE_KINDS, typed)
    assert (match.slug, match.memory_gib) == (slug, memory)


def test_memory_that_a_card_does_not_have_is_unknown(names: Names) -> None:
    with pytest.raises(UnknownName):
        names.resolve(DEVICE_KINDS, "RTX 5090 48GB")


def test_memory_of_a_name_is_kept_where_the_record_leaves_it_open(names: Names) -> None:
    assert names.resolve(DEVICE_KINDS, "M2 Ultra 64GB").memory_gib == 64
    assert names.resolve(DEVICE_KINDS, "M2 Ultra").memory_gib is None
    assert names.resolve(DEVICE_KINDS, "RTX 5090 32GB").memory_gib is None


@pytest.mark.parametrize(
    ("typed", "slug", "memory"),
    [
        ("m5 ultra 96gb", "m5-ultra-64", 96),  # an alias of its own
        ("mac studio m5 ultra 256gb", "mac-studio-m5-ultra", 256),
        ("AMD Ryzen AI Max+ 395 (Radeon 8060S) 64 GB", "strix-halo-128", 64),
    ],
)
def test_memory_of_an_alias_or_a_label_is_kept_too(names: Names, typed: str, slug: str, memory: int) -> None:
    match = names.resolve(DEVICE_KINDS, typed)
    assert (match.slug, match.memory_gib) == (slug, memory)


@pytest.mark.parametrize(("typed", "memory"), [("macbook air 16gb", 16), ("mac studio 64 GB", 64), ("imac 24g", 24)])
def test_candidates_keep_the_memory_that_was_named(names: Names, typed: str, memory: int) -> None:
    with pytest.raises(AmbiguousName) as caught:
        names.resolve(DEVICE_KINDS, typed)
    found = [names.resolve(DEVICE_KINDS, candidate) for candidate in caught.value.candidates]
    assert len({match.slug for match in found}) == len(found) > 1
    assert {match.memory_gib for match in found} == {memory}


def test_suggestions_keep_the_memory_where_they_are_sold_with_it(names: Names) -> None:
    with pytest.raises(UnknownName) as caught:
        names.resolve(DEVICE_KINDS, "mac mini m9 pro 64gb")
    sold = [suggestion for suggestion in caught.value.suggestions if suggestion.endswith(" 64 GB")]
    assert sold
    for suggestion in caught.value.suggestions:
        match = names.resolve(DEVICE_KINDS, suggestion)
        assert (match.memory_gib == 64) == (64 in names.memory_options(match))


def found_by(names: Names, kinds_: tuple[str, ...], name: str) -> list[str]:
    """The labels that a name leads to: one, several where it is ambiguous, none where it is unknown."""
    try:
        return [names.resolve(kinds_, name).label]
    except AmbiguousName as error:
        return list(error.candidates)
    except UnknownName:
        return []


def test_every_label_and_alias_leads_to_its_record(index: Index) -> None:
    for slug, term in index.known.terms.items():
        for name in (slug, term.pref_label, *term.alt_labels):
            assert index.names.resolve(("terms",), name).slug == slug, name
    for kind in EVERYTHING[1:]:
        records = index.known.specs[kind].values()
        shared = {label_key(name) for spec in records for name in spec.ambiguous_aliases}
        for spec in records:
            for name in (spec.slug, spec.name, *spec.aliases, *spec.ambiguous_aliases):
                found = found_by(index.names, (kind,), name)
                assert spec.name in found, name
                assert len(found) == 1 or label_key(name) in shared, name


def test_size_classes_are_models_of_that_size(index: Index) -> None:
    """One each, and found by its size alone, which is told from the model's own name."""
    sizes = {
        record.slug: (record.stands_for_size, record.params_total)
        for record in index.known.specs["models"].values()
        if isinstance(record, LanguageModel) and record.stands_for_size
    }
    assert len({size for size, _ in sizes.values()}) == len(sizes) > 15
    for slug, (size, figure) in sizes.items():
        assert size is not None
        assert figure is not None, slug
        assert figure.value / 1e9 == pytest.approx(float(size.removesuffix("b")), rel=0.25), slug
        found = index.names.resolve(("models",), size.upper())
        assert (found.slug, found.size) == (slug, size)


@pytest.mark.parametrize(
    ("size", "like"), [("65b", "llama-3-1-70b"), ("48B", "yi-34b"), ("33 billion parameters", "yi-34b"), ("2000b", "")]
)
def test_a_size_between_classes_has_the_nearest_dense_shape(index: Index, size: str, like: str) -> None:
    if not like:
        with pytest.raises(UnknownName):
            index.names.resolve(("models",), size)
        return
    found = index.names.resolve(("models",), size)
    assert found.slug == like
    assert found.size.endswith("b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Can I run a 70B on my 4090, and how fast?", ["70B", "4090"]),
        ("Compare the RTX 5090 and the DGX Spark.", ["RTX 5090", "DGX Spark"]),
        ("llama3.1:70b on two 3090s", ["llama3.1:70b", "3090s"]),
        ("Is Llama 3.1 8B at Q4_K_M good on an M2 Ultra?", ["Llama 3.1 8B", "Q4_K_M", "M2 Ultra"]),
        ("What is the weather like?", []),
    ],
)
def test_names_in_running_text(names: Names, text: str, expected: list[str]) -> None:
    kinds_ = ("models", "quantizations", *DEVICE_KINDS)
    assert [mention.text for mention in names.scan(text, kinds_)] == expected


typed_text = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            ["rtx", "5090", " ", "-", "llama", "3.1", "70b", "(", "GB", "48", "q4", "_", ":", "/", "\n", "é", "."]
        ),
        max_size=14,
    ).map("".join),
)


@settings(deadline=None)
@given(typed=typed_text)
@example(typed="")
@example(typed="\x00")
@example(typed="a" * 5000)
@example(typed="\ud800")
@example(typed="²³ gb")
def test_resolve_knows_or_says_so(names: Names, typed: str) -> None:
    for kinds_ in (EVERYTHING, DEVICE_KINDS, ("models",)):
        assert all(found_by(names, kinds_, typed))
        assert len(names.suggest(kinds_, typed)) <= 5


@settings(deadline=None)
@given(text=st.lists(typed_text, max_size=5).map(" ".join))
@example(text="." * 3000)
@example(text="5090 " * 200)
def test_mentions_lie_in_the_text_and_apart(names: Names, text: str) -> None:
    mentions = names.scan(text, EVERYTHING)
    end = 0
    for mention in mentions:
        assert end <= mention.start < mention.end <= len(text)
        assert text[mention.start : mention.end] == mention.text
        assert mention.matches
        end = mention.end
    for slip in names.misspelt_mentions(text, EVERYTHING, mentions):
        assert all(slip.end <= other.start or other.end <= slip.start for other in mentions)
