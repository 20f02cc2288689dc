"""Names of models that write no text: which they are, which sizes belong to them, and which nobody knows."""

import pytest

from kb.catalogue.records import MediaModel
from kb.chat.reading.situation import Situation
from tests.kb.chat.reading.conftest import Reading


def media(situation: Situation) -> list[str]:
    return [match.label for named in situation.others for match in named.candidates if match.kind == MediaModel.kind]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("can a 3060 run flux dev?", ["FLUX.1 dev"]),
        ("flux.2 dev on 24 GB", ["FLUX.2 dev"]),
        ("FLUX.2 klein 9B please", ["FLUX.2 klein 9B"]),
        ("flux dev 12b", ["FLUX.1 dev"]),
        ("flux1-dev-Q4_K_S.gguf on 8gb", ["FLUX.1 dev"]),
        ("sdxl 4 images at once", ["Stable Diffusion XL 1.0"]),
        ("qwen image edit with qwen3 8b", ["Qwen-Image-Edit"]),
        ("Whisper large v3 turbo", ["Whisper large-v3 turbo"]),
        ("bge-m3 and bge reranker v2 m3", ["BGE-M3", "BGE reranker v2 M3"]),
        ("nomic embed for my notes", ["Nomic Embed Text v1.5"]),
        ("wan 2.2 5b", ["Wan 2.2 TI2V 5B"]),
        ("the llama 3.1 8b alone", []),
    ],
)
def test_known(reading: Reading, text: str, expected: list[str]) -> None:
    situation = reading(text)
    assert media(situation) == expected
    assert situation.unknown == ()


def test_a_short_name_is_any_of_several(reading: Reading) -> None:
    assert {"Wan 2.2 TI2V 5B", "Wan 2.2 T2V A14B"} <= set(media(reading("will wan 2.2 fit?")))
    assert all("14B" in label for label in media(reading("will wan 2.2 14b fit?")))


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("will flux 4 run on a 3060", "flux 4"),
        ("wan 3.1 14b on a 4090", "wan 3.1 14b"),
        ("whisper large v4 on 8 GB", "whisper large v4"),
        ("qwen image 3 on 24 GB", "qwen image 3"),
        ("flux dev 70b?", "flux dev 70b"),
    ],
)
def test_a_version_that_no_record_has_is_unknown(reading: Reading, text: str, unknown: str) -> None:
    situation = reading(text)
    assert situation.unknown == (unknown,)
    assert media(situation) == []
    assert situation.models == ()


@pytest.mark.parametrize("text", ["sdxl 4 images", "flux 20 steps", "flux 2 times as fast", "whisper 2 hours of sound"])
def test_a_number_behind_a_name_may_be_no_version(reading: Reading, text: str) -> None:
    assert reading(text).unknown == ()


def test_no_device_is_read_in_a_name(reading: Reading) -> None:
    assert [named.label for named in reading("bge-m3 on a 3090").devices] == ["GeForce RTX 3090"]


def test_it_stays_in_the_conversation(reading: Reading) -> None:
    assert media(reading("can a 3060 run flux dev?", "and a 4090?")) == ["FLUX.1 dev"]


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("can gemma 3 12b take 3 images on a 3060 12gb?", "vision"),
        ("I want to chat about photos on my 16GB mac m2, what model", "vision"),
        ("can i show pictures to llama 3.3 70b on 2x3090?", "vision"),
        ("which model describes images best on 8 GB", "vision"),
        ("quero um modelo que veja fotos numa RTX 3060 12GB", "vision"),
        ("модель которая видит картинки для 8 гб видеокарты", "vision"),
        ("how many images per minute does sdxl make on a 3060", "images"),
        ("show me image models for 8 GB", "images"),
        ("make 4 pictures with flux on a 3060", "images"),
        ("does llama 3.1 8b draw pictures", "images"),
    ],
)
def test_pictures_are_shown_or_made(reading: Reading, text: str, use: str) -> None:
    assert reading(text).use == use


def test_an_article_behind_a_size_is_no_part_of_the_name(reading: Reading) -> None:
    situation = reading("is Qwen3 8B a vision model?")
    assert ([model.label for model in situation.models], situation.unknown) == (["Qwen3 8B"], ())


def test_a_stated_memory_is_that_of_each_machine_it_may_be(reading: Reading) -> None:
    (air,) = reading("vision model for macbook air 16gb").devices
    assert {match.memory_gib for match in air.candidates} == {16}
