"""How long a context goes with a part of the weights in system memory."""

from kb.catalogue import Catalogue
from kb.tools import TOOLS

ASKED = {"model": "qwen3.5 122b a10b", "quantization": "q4_k_m", "device": "RTX 4090"}


def test_with_ram_a_context_goes_where_the_card_alone_holds_nothing(catalogue: Catalogue) -> None:
    found = TOOLS["max_context"].call(catalogue, {**ASKED, "system_memory_gb": 64})
    assert found.max_context == 0
    assert found.max_context_with_ram == found.model_limit
    fit = TOOLS["check_fit"].call(catalogue, {**ASKED, "system_memory_gb": 64, "context": found.max_context_with_ram})
    assert fit.verdict == "fits_with_offload"
    assert fit.offload.weights_in_system_memory_gb == found.in_system_memory_gb


def test_more_ram_is_never_a_shorter_context(catalogue: Catalogue) -> None:
    longest = [
        TOOLS["max_context"].call(catalogue, {**ASKED, "system_memory_gb": size}).max_context_with_ram or 0
        for size in (32, 48, 64, 128)
    ]
    assert longest == sorted(longest)
    assert longest[0] < longest[-1]


def test_without_a_size_of_ram_nothing_is_said_of_it(catalogue: Catalogue) -> None:
    assert TOOLS["max_context"].call(catalogue, ASKED).max_context_with_ram is None
