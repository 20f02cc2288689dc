"""What the rulings of disputes say of speeds, against the calculators: two voices of one house must not differ."""

import re
from typing import Any

import pytest

from kb.search.live import Index
from kb.tools import TOOLS

_70B: dict[str, Any] = {"model": "llama 3.1 70b", "quantization": "q4_k_m", "context": 2048}
_405B: dict[str, Any] = {"model": "llama 3.1 405b", "quantization": "q4_k_m", "context": 2048}
EXPECTED: dict[str, tuple[dict[str, Any], float, float]] = {
    "rtx-5090-70b-offload-30-40": (_70B | {"device": "rtx 5090", "context": 8192}, 4, 4),
    "rtx-5090-70b-q8-offload": (_70B | {"device": "rtx 5090", "quantization": "q8_0"}, 1, 2),
    "rtx-4090-70b-offload": (_70B | {"device": "rtx 4090", "context": 8192}, 2, 2),
    "dual-3090-70b-speed": (_70B | {"device": "rtx 3090", "device_count": 2}, 16, 17),
    "dual-5090-70b-speed": (_70B | {"device": "rtx 5090", "device_count": 2}, 30, 36),
    "dual-5090-70b-q5-speed": (_70B | {"device": "rtx 5090", "device_count": 2, "quantization": "q5_k_m"}, 27, 31),
    "dual-l40s-70b-q8": (_70B | {"device": "l40s", "device_count": 2, "quantization": "q8_0"}, 9, 10),
    "quad-l40s-70b-q8": (_70B | {"device": "l40s", "device_count": 4, "quantization": "q8_0"}, 9, 10),
    "mac-70b-q8-speed": (_70B | {"device": "m2 ultra 192gb", "quantization": "q8_0"}, 7, 9),
    "mac-405b-q2-speed": (_405B | {"device": "m2 ultra 192gb", "quantization": "q2_k"}, 2, 4),
}  # fmt: skip
"""The ruling's case, and the speeds that it says to expect. Rulings that quote a measurement, or that speak of a
platform with many memory channels, are not here: the tool assumes two."""


@pytest.mark.parametrize("slug", EXPECTED)
def test_a_ruling_expects_what_the_calculator_does(index: Index, slug: str) -> None:
    arguments, low, high = EXPECTED[slug]
    ruling = index.known.disputes[slug].ruling
    for figure in (low, high):
        assert re.search(rf"(?<![\d.]){figure:g}(?![\d.]\d)", ruling), (figure, ruling)
    speed = TOOLS["estimate_speed"].call(index, arguments)
    assert speed.decode_tokens_per_s.low <= high * 1.05, speed.decode_tokens_per_s
    assert speed.decode_tokens_per_s.high >= low * 0.95, speed.decode_tokens_per_s
    assert 0.75 * low <= speed.decode_tokens_per_s.typical <= 1.25 * high, speed.decode_tokens_per_s
