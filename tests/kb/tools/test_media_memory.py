"""Models that write no text: what their parts take, and whether these fit at once, in turn or not."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.records import MediaModel, Quantization, ends
from kb.errors import AmbiguousName, UnknownName
from kb.tools import TOOLS
from kb.tools.media_memory.tool import RANK, MediaAnswer, working
from tests.kb.tools.said import brief, first_sentence, said

SAME = 0.05
"""Of a file: it holds a vocabulary and a few exact weights too."""
COUNTED = {"transformers-models", "diffusers-models", "comfyui-templates", "llmfit-models-2026-10"}
ROUNDED = 0.07
"""How far a count that the makers round may be from ours."""


def answer(catalogue: Catalogue, **arguments: Any) -> MediaAnswer:
    result = TOOLS["media_memory"].call(catalogue, arguments)
    assert isinstance(result, MediaAnswer)
    return result


def test_every_file_has_the_size_that_its_parameters_give(catalogue: Catalogue) -> None:
    """A count and a file that was measured elsewhere are each other's check."""
    types = catalogue.known.of(Quantization)
    checked = 0
    for model in catalogue.known.of(MediaModel).values():
        for part in model.parts:
            if part.file is None:
                continue
            bits = types[part.file.quantization].bits_per_weight
            assert bits is not None, part.file.quantization
            size = part.params * bits.value / 8e9
            assert abs(size - part.file.size_gb) <= SAME * size, (
                f"{model.slug}: {part.name}: {size:.3f} GB by its count"
            )
            checked += 1
    assert checked > 50


def test_counts_agree_with_what_the_makers_publish_or_say_why(catalogue: Catalogue) -> None:
    for model in catalogue.known.of(MediaModel).values():
        for part in model.parts:
            if part.published and not part.note:
                off = abs(part.params - part.published) / part.published
                assert off <= ROUNDED, f"{model.slug}: {part.name}: {part.params:,} is not {part.published:,}"


def test_every_model_has_a_main_part_and_a_way_to_check_it(catalogue: Catalogue) -> None:
    for model in catalogue.known.of(MediaModel).values():
        assert any(part.role == "main" for part in model.parts), model.slug
        main = max((part for part in model.parts if part.role == "main"), key=lambda part: part.params)
        assert main.file or main.published or COUNTED & {one.source for one in main.sources}, model.slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("flux dev", "flux-1-dev"),
        ("flux.2 dev", "flux-2-dev"),
        ("sdxl", "sdxl"),
        ("qwen image", "qwen-image"),
        ("whisper large v3", "whisper-large-v3"),
        ("nomic embed", "nomic-embed-text-v1-5"),
        ("bge-m3", "bge-m3"),
        ("bge reranker v2 m3", "bge-reranker-v2-m3"),
        ("Wan-AI/Wan2.2-TI2V-5B", "wan-2-2-ti2v-5b"),
    ],
)
def test_names_that_people_type(catalogue: Catalogue, name: str, slug: str) -> None:
    record, _ = catalogue.find(MediaModel, name)
    assert record.slug == slug


def test_a_name_of_several_says_which(catalogue: Catalogue) -> None:
    with pytest.raises(AmbiguousName) as error:
        catalogue.find(MediaModel, "wan 2.2")
    assert "Wan 2.2 TI2V 5B" in str(error.value)
    with pytest.raises(UnknownName) as unknown:
        catalogue.find(MediaModel, "wan 3.1")
    assert "Wan" in str(unknown.value)


def test_flux_is_the_sum_of_its_parts(catalogue: Catalogue) -> None:
    flux = answer(catalogue, model="flux dev")
    assert flux.weights_gb == pytest.approx(23.803 + 9.525 + 0.246 + 0.168, abs=0.01)
    assert flux.together_gb == pytest.approx(flux.weights_gb + working()["images"].gb)
    assert flux.in_turn_gb == pytest.approx(23.803 + working()["images"].gb, abs=0.01)
    assert flux.quantization == "BF16"


@pytest.mark.parametrize(
    ("arguments", "placement"),
    [
        ({"model": "flux dev", "device": "RTX PRO 6000"}, "together"),
        ({"model": "flux dev", "device": "RTX 4090"}, "in_turn"),
        ({"model": "sd 3.5 medium", "device": "RTX 4060"}, "encoder_on_processor"),
        ({"model": "flux dev", "device": "RTX 3060 12GB"}, "layers_in_ram"),
        ({"model": "flux dev", "device": "RTX 3060 12GB", "system_memory_gb": 16}, "none"),
        ({"model": "flux dev", "device": "RTX 3060 12GB", "quantization": "q4_k_s"}, "together"),
        ({"model": "z-image", "device": "mac mini m4 16GB"}, "none"),
        ({"model": "whisper large v3", "device": "RTX 3060 8GB"}, "together"),
    ],
)
def test_placement(catalogue: Catalogue, arguments: dict[str, Any], placement: str) -> None:
    assert answer(catalogue, **arguments).placement == placement


def test_smaller_types_are_better_placed_and_smaller(catalogue: Catalogue) -> None:
    for model in catalogue.known.of(MediaModel):
        whole = answer(catalogue, model=model, device="RTX 4060")
        assert whole.placement is not None
        last = RANK[whole.placement]
        for way in whole.smaller:
            assert RANK[way.placement] < last
            last = RANK[way.placement]
            again = answer(catalogue, model=model, device="RTX 4060", quantization=way.quantization)
            assert again.placement == way.placement


def test_more_memory_is_never_worse(catalogue: Catalogue) -> None:
    sizes = [{"name": "a card", "memory_gib": gib} for gib in (4, 8, 12, 16, 24, 32, 48, 96, 192)]
    for model in ("flux.2 dev", "wan 2.2 t2v", "hunyuanvideo", "whisper large v3"):
        found = [answer(catalogue, model=model, device=size, system_memory_gb=256).placement for size in sizes]
        ranks = [RANK[one] for one in found if one is not None]
        assert ranks == sorted(ranks, reverse=True)
        assert len(ranks) == len(sizes)


def test_what_is_stated_is_more_than_nothing(catalogue: Catalogue) -> None:
    for model in catalogue.known.of(MediaModel).values():
        for stated in model.stated:
            low, high = ends(stated.gb)
            assert 0 < low <= high, model.slug


@pytest.mark.parametrize(
    ("arguments", "starts"),
    [
        ({"model": "whisper large v3"}, "Whisper large-v3 needs about 4.49 GB"),
        ({"model": "flux dev"}, "FLUX.1 dev needs about 34.9 GB at BF16 with all its parts loaded"),
        ({"model": "flux dev", "device": "RTX PRO 6000"}, "Yes: FLUX.1 dev at BF16 fits"),
        (
            {"model": "flux dev", "device": "RTX 4090"},
            "Yes: FLUX.1 dev at BF16 fits on the GeForce RTX 4090 when its parts",
        ),
        (
            {"model": "flux dev", "device": "RTX 3060 12GB"},
            "Yes: FLUX.1 dev runs on the GeForce RTX 3060 12GB at Q6_K, when its parts take turns.",
        ),
        (
            {"model": "flux dev", "device": "RTX 3060 12GB", "quantization": "bf16"},
            "Only with a part of its layers in RAM",
        ),
        ({"model": "sd 3.5 medium", "device": "RTX 4060"}, "Yes: Stable Diffusion 3.5 Medium"),
        ({"model": "wan 2.2 t2v", "device": "RTX 4090"}, "Yes: Wan 2.2 T2V A14B runs on the GeForce RTX 4090 at FP8"),
        ({"model": "wan 2.2 t2v", "device": "RTX 4090", "quantization": "bf16"}, "No: Wan 2.2 T2V A14B"),
        (
            {"model": "flux.2 dev", "device": "RTX 3060 12GB"},
            "Yes: FLUX.2 dev runs on the GeForce RTX 3060 12GB at FP8, with a part of its layers in RAM.",
        ),
    ],
)
def test_first_sentence(catalogue: Catalogue, arguments: dict[str, Any], starts: str) -> None:
    assert first_sentence(brief(catalogue, "media_memory", arguments)).startswith(starts)


def test_every_model_is_said_well(catalogue: Catalogue) -> None:
    for model in catalogue.known.of(MediaModel):
        for device in (None, "RTX 4060", "2x RTX 3090", "mac mini m4 16GB"):
            arguments = {"model": model} | ({"device": device} if device else {})
            assert brief(catalogue, "media_memory", arguments)


def test_speed_is_said_to_be_unknown(catalogue: Catalogue) -> None:
    arguments = {"model": "flux dev", "device": "RTX 4090"}
    assert "not estimated" in brief(catalogue, "media_memory", arguments, text="how fast is flux dev on a 4090?")
    assert "not estimated" not in brief(catalogue, "media_memory", arguments, text="does it fit")


def test_models_side_by_side(catalogue: Catalogue) -> None:
    from kb.text import markdown
    from kb.tools.asks import Asked

    names = ("wan-2-2-ti2v-5b", "wan-2-2-t2v-a14b")
    results = [answer(catalogue, model=name, device="RTX 4090") for name in names]
    told = TOOLS.side_by_side("media_memory")
    assert told is not None
    text = markdown.brief(list(told(results, Asked(tool="media_memory"))), lambda basis: 1)
    assert "Yes for Wan 2.2 TI2V 5B, and for Wan 2.2 T2V A14B at FP8." in text
    assert "| Wan 2.2 T2V A14B | no |" in text
    assert said(catalogue, "media_memory", {"model": names[0]})
