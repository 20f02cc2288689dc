"""Models that see: what that takes, and what is said of those that do not."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel
from kb.catalogue.units import GB
from kb.tools import TOOLS
from kb.tools.check_fit.tool import FitAnswer
from kb.tools.shared.fitting import projector_of
from tests.kb.tools.said import brief, first_sentence

SEEING = {"model": "gemma 3 12b", "quantization": "q4_k_m", "device": "RTX 3060 12GB"}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def fit(catalogue: Catalogue, **arguments: Any) -> FitAnswer:
    answer = TOOLS["check_fit"].call(catalogue, SEEING | arguments)
    assert isinstance(answer, FitAnswer)
    return answer


def test_what_sees_is_a_part_of_what_is_needed(catalogue: Catalogue) -> None:
    without, with_one = fit(catalogue), fit(catalogue, images=1)
    assert without.seeing is None
    assert with_one.seeing is not None
    assert with_one.seeing.tokens == 256
    assert with_one.commands
    assert "--mmproj mmproj-Gemma-3-12B-F16.gguf" in (with_one.commands.llama_cpp or "")
    assert with_one.required_gb - without.required_gb == pytest.approx(with_one.seeing.projector_gb, abs=0.002)
    assert with_one.seeing.projector_gb == pytest.approx((2 * 421_290_864 + 4096 * 31_040) / GB, abs=0.001)
    assert sum(one.projector_gb for one in with_one.per_device) == with_one.seeing.projector_gb
    assert 0 < with_one.max_context < without.max_context


def test_it_lies_on_the_first_card(catalogue: Catalogue) -> None:
    first, second = fit(catalogue, device="2x RTX 3060 12GB", images=1).per_device
    assert first.projector_gb > 0
    assert second.projector_gb == 0


def test_a_larger_image_takes_more_tokens_up_to_a_most(catalogue: Catalogue) -> None:
    sizes = ("512x512", "1024x1024", "1920x1080", "4000x3000", "9000x9000")
    seen = [fit(catalogue, model="qwen2.5-vl 7b", images=2, image_size=size).seeing for size in sizes]
    each = [one.tokens_each or 0 for one in seen if one]
    assert each == sorted(each)
    assert each[1] == 37 * 37
    assert each[-1] == each[-2] == 4096
    assert [one.tokens for one in seen if one] == [2 * tokens for tokens in each]
    fixed = [fit(catalogue, images=2, image_size=size).seeing for size in sizes]
    assert {one.tokens_each for one in fixed if one} == {256}


def test_a_model_that_is_not_known_to_see(catalogue: Catalogue) -> None:
    answer = fit(catalogue, model="llama 3.1 8b", images=1)
    assert (answer.reads_images, answer.seeing) == (False, None)
    assert answer.required_gb == fit(catalogue, model="llama 3.1 8b").required_gb
    assert fit(catalogue, model="13b", images=1).reads_images is None
    text = brief(catalogue, "check_fit", SEEING | {"model": "llama 3.1 8b", "images": 1})
    assert first_sentence(text).startswith("Llama 3.1 8B is not known to read images")


def test_more_images_than_the_context_holds(catalogue: Catalogue) -> None:
    asked = SEEING | {"model": "qwen2.5-vl 7b", "images": 12}
    assert "open a larger context" in brief(catalogue, "check_fit", asked | {"context": 8192})
    assert any("more than the context of 8,192" in line for line in fit(catalogue, **asked, context=8192).warnings)
    assert "more than the 128,000 tokens" in first_sentence(brief(catalogue, "check_fit", asked | {"images": 900}))
    tight = {"quantization": "fp8", "images": 60}  # these weights cannot stay in RAM
    assert "no context of more than" in first_sentence(brief(catalogue, "check_fit", asked | tight))


@pytest.mark.parametrize(("model", "images"), [("qwen2.5-vl 7b", 12), ("qwen2.5-vl 32b", 7), ("gemma 3 27b", 60)])
def test_the_context_has_room_for_the_images_and_a_text(catalogue: Catalogue, model: str, images: int) -> None:
    asked = {"model": model, "device": "RTX 5090", "images": images}
    answer = fit(catalogue, **asked)
    assert answer.seeing
    assert answer.context >= (answer.seeing.tokens or 0) + 1024 > 8192
    assert answer.commands
    assert f"-c {answer.context}" in (answer.commands.llama_cpp or "")
    assert TOOLS["estimate_speed"].call(catalogue, {**asked, "quantization": "q4_k_m"}).context == answer.context
    assert fit(catalogue, **asked, context=2048).context == 2048


def test_no_way_out_is_too_short_for_the_images(catalogue: Catalogue) -> None:
    asked = {"model": "qwen2.5-vl 72b", "quantization": "q4_k_m", "device": "2x RTX 3090", "images": 6}
    answer = fit(catalogue, **asked)
    assert answer.seeing
    assert 0 < answer.max_context < (answer.seeing.tokens or 0)
    assert {way.change for way in answer.ways_out} >= {"smaller_quantization"}
    assert all(way.context > (answer.seeing.tokens or 0) for way in answer.ways_out)
    assert not any("or less everything fits" in line for line in answer.warnings)
    assert "shorter_context" in {way.change for way in fit(catalogue, **asked | {"images": 1}).ways_out}


def test_what_runs_for_vision_sees(catalogue: Catalogue) -> None:
    answer = TOOLS["what_runs_on"].call(catalogue, {"device": "RTX 3060 12GB", "use": "vision"})
    assert answer.use == "vision"
    assert answer.suggested
    records = catalogue.known.of(LanguageModel)
    assert all(projector_of(records[one.slug]) for one in (*answer.suggested, *answer.models))
    first = answer.suggested[0]
    alone = {"model": first.slug, "quantization": first.quantization, "device": "RTX 3060 12GB", "images": 1}
    assert TOOLS["check_fit"].call(catalogue, alone).required_gb == pytest.approx(first.required_gb, abs=0.001)


def test_how_many_images_there_is_room_for(catalogue: Catalogue) -> None:
    asked = {"model": "qwen3-vl 8b", "device": "RTX 3060 12GB", "images": 1}
    answer = TOOLS["max_context"].call(catalogue, asked)
    assert answer.image_tokens == 1024
    assert f"room for about {answer.max_context // 1024}" in brief(catalogue, "max_context", asked)


def test_whether_a_model_sees(catalogue: Catalogue) -> None:
    def said(name: str) -> str:
        return brief(catalogue, "lookup_spec", {"name": name, "kind": "models", "figures": ["reads"]})

    assert said("gemma 3 12b").startswith("Gemma 3 12B reads text and images.")
    assert said("gemma 3 1b").startswith("Gemma 3 1B reads text alone")
    assert "video" in said("qwen3-vl 8b")


def test_what_sees_is_no_more_than_the_model(catalogue: Catalogue) -> None:
    for record in catalogue.known.of(LanguageModel).values():
        projector = projector_of(record)
        if projector is None:
            assert record.projector_params is None or "image" not in (record.reads.value if record.reads else ())
            continue
        assert 5e7 < projector.params < 3e9, record.slug
        total, text = record.params_total, record.params_text
        if total and text:
            assert projector.params <= max(total.value - text.value, 0) * 1.6, record.slug
        assert not (projector.tokens and projector.token_side), record.slug
        if projector.token_side:
            patch = projector.token_side / projector.patches_per_token**0.5
            assert patch in (14, 16, 40, 48), record.slug


def test_how_many_tokens_an_image_is(catalogue: Catalogue) -> None:
    def said(name: str, key: str) -> str:
        return brief(catalogue, "lookup_spec", {"name": name, "kind": "models", "figures": [key]})

    assert said("gemma 3 27b", "image_tokens").startswith("Gemma 3 27B makes 256 tokens of each image.")
    assert "a token of each 32 × 32 pixels" in said("qwen3-vl 8b", "image_tokens")
