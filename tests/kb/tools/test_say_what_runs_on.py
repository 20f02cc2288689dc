"""What runs on a machine: a size, one model to start with, and a few others that are current and fast enough."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel
from kb.errors import UnknownName
from kb.tools import TOOLS
from kb.tools.what_runs_on.tool import WhatRunsOnAnswer
from tests.kb.tools.said import brief, first_sentence

EIGHT = {"name": "an 8 GB graphics card", "memory_gib": 8}


def answer(catalogue: Catalogue, **arguments: Any) -> WhatRunsOnAnswer:
    result = TOOLS["what_runs_on"].call(catalogue, arguments)
    assert isinstance(result, WhatRunsOnAnswer)
    return result


@pytest.mark.parametrize(
    ("arguments", "use", "starts", "has"),
    [
        ({"device": "RTX 4060"}, "", "The GeForce RTX 4060 runs models up to about 9B at 4 bits; I would start with",
         "tokens/s"),
        ({"device": EIGHT}, "", "An 8 GB graphics card runs models up to about 9B at 4 bits; I would start with",
         "Say which card it is"),
        ({"device": "2x RTX 3090"}, "", "2× GeForce RTX 3090 run models up to about 71B", "| model | file | speed |"),
        ({"device": "RTX 3090", "use": "coding"}, "coding", "The GeForce RTX 3090 runs", "models for coding up to"),
        ({"device": "RTX 4060", "system_memory_gb": 32}, "", "The GeForce RTX 4060 runs", "of its weights in RAM"),
        ({"device": "RTX 3060 12GB", "use": "images"}, "images", "The GeForce RTX 3060", "made for images"),
        ({"device": {"name": "a 1 GB graphics card", "memory_gib": 1}}, "",
         "A 1 GB graphics card runs none of the current models", "More memory"),
    ],
)  # fmt: skip
def test_first_sentence(catalogue: Catalogue, arguments: dict[str, Any], use: str, starts: str, has: str) -> None:
    text = brief(catalogue, "what_runs_on", {"use": "any"} | arguments, use=use)
    assert first_sentence(text).startswith(starts)
    assert has in text


def test_a_mixture_runs_with_its_experts_in_system_memory(catalogue: Catalogue) -> None:
    """30 to 36 billion parameters, of which a token reads some 3, are usable beside an 8 GB card; not without RAM."""
    alone = answer(catalogue, device="RTX 4060", use="any")
    helped = answer(catalogue, device="RTX 4060", use="any", system_memory_gb=32)
    assert all(one.in_system_memory_gb == 0 for one in alone.suggested)
    first = helped.suggested[0]
    assert first.is_mixture
    assert 5 < first.in_system_memory_gb < 32
    assert first.params_billions > max(one.params_billions for one in alone.suggested)
    assert first.decode_tokens_per_s is not None
    assert first.decode_tokens_per_s.typical >= 10
    assert helped.models == alone.models, "`models` are those that fit whole"


def test_three_to_five_current_ones_by_records(catalogue: Catalogue) -> None:
    suggested = answer(catalogue, device="RTX 4090", use="any").suggested
    assert 3 <= len(suggested) <= 5
    for one in suggested:
        record = catalogue.known.specs["models"][one.slug]
        assert isinstance(record, LanguageModel)
        assert record.representative
    coding = answer(catalogue, device="RTX 4090", use="coding").suggested
    records = [catalogue.known.specs["models"][one.slug] for one in coding]
    assert all(isinstance(record, LanguageModel) and "coding" in record.use for record in records)
    assert [one.slug for one in coding] != [one.slug for one in suggested]


def test_the_one_to_start_with_leaves_room(catalogue: Catalogue) -> None:
    for size in (6, 8, 10, 12, 16, 24):
        device = {"name": f"{size} GB", "memory_gib": size, "memory_bandwidth_gb_per_s": 400}
        first = answer(catalogue, device=device, use="any").suggested[0]
        assert first.headroom_gb >= 0.02 * size, size


def test_named_models_alone(catalogue: Catalogue) -> None:
    result = answer(catalogue, device="RTX 4090", models=["llama 3.1 8b"])
    assert [one.model for one in result.suggested] == ["Llama 3.1 8B"] == [one.model for one in result.models]
    with pytest.raises(UnknownName):
        answer(catalogue, device="no such card")
