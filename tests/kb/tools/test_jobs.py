"""What takes time: writing so much, and moving so much over a line that is known by its rate alone."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.errors import UnknownName
from kb.tools import TOOLS
from kb.tools.estimate_speed.tool import SpeedAnswer
from kb.tools.estimate_transfer_time.tool import TransferTimeAnswer
from kb.tools.explain_speed.tool import ExplainAnswer
from tests.kb.tools.said import brief, first_sentence

CASE: dict[str, Any] = {"model": "llama 3.1 8b", "device": "rtx 4090"}


def speed(catalogue: Catalogue, **more: Any) -> SpeedAnswer:
    answer = TOOLS["estimate_speed"].call(catalogue, CASE | more)
    assert isinstance(answer, SpeedAnswer)
    return answer


def test_a_job_takes_reading_and_writing_of_each_request(catalogue: Catalogue) -> None:
    one, many = (
        speed(catalogue, prompt_tokens=300, output_tokens=30, requests=requests).job for requests in (1, 250_000)
    )
    answer = speed(catalogue, prompt_tokens=300)
    assert one
    assert many
    assert answer.job is None
    each = 300 / answer.prefill_tokens_per_s.typical + 30 / answer.decode_tokens_per_s.typical
    assert one.seconds == pytest.approx(each)
    assert many.seconds == pytest.approx(250_000 * each)


def test_the_time_is_told_first(catalogue: Catalogue) -> None:
    text = brief(catalogue, "estimate_speed", CASE | {"output_tokens": 2000})
    assert "Writing 2,000 tokens takes about " in first_sentence(text)
    text = brief(catalogue, "estimate_speed", CASE | {"output_tokens": 150, "prompt_tokens": 300, "requests": 10_000})
    assert "10,000 answers of 150 tokens take about" in first_sentence(text)


@pytest.mark.parametrize(
    ("link", "seconds"), [("100 Mbit/s", 3200.0), ("50Mbps", 6400.0), ("2.5 Gbit/s", 128.0), ("10 GbE", 32.0)]
)
def test_a_line_is_known_by_its_rate(catalogue: Catalogue, link: str, seconds: float) -> None:
    answer = TOOLS["estimate_transfer_time"].call(catalogue, {"link": link, "size_gb": 40})
    assert isinstance(answer, TransferTimeAnswer)
    assert answer.seconds == pytest.approx(seconds, rel=1e-3)


def test_a_line_without_a_rate_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName):
        TOOLS["estimate_transfer_time"].call(catalogue, {"link": "fast internet", "size_gb": 40})


def test_a_chat_that_grows_is_slower(catalogue: Catalogue) -> None:
    answer = TOOLS["explain_speed"].call(catalogue, {"model": "qwen3 32b", "device": "rtx 4090"})
    assert isinstance(answer, ExplainAnswer)
    assert answer.grown
    assert answer.grown.tokens_per_s < answer.grown.start_tokens_per_s
    assert answer.example_prompt_s == pytest.approx(
        answer.example_prompt_tokens / answer.prefill_tokens_per_s.typical, abs=0.1
    )
    text = brief(
        catalogue, "explain_speed", {"model": "qwen3 32b", "device": "rtx 4090"}, text="why slower with long chats"
    )
    assert text.startswith("It slows as the chat grows: ")
