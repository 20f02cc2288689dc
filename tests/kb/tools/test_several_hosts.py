"""What it costs that devices stand in several computers: against published runs, and by its directions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.calc.speed.network import Network
from kb.catalogue import Catalogue
from kb.errors import InvalidArgument, KnowledgeBaseError
from kb.text import markdown
from kb.tools import TOOLS
from kb.tools.asks import Asked

MODEL = {"model": "gpt-oss 120b", "context": 512}
BOX = {"device": "Framework Desktop 128GB"}
SPARK = {"device": "dgx spark", "tensor_parallel": True}


def speed(catalogue: Catalogue, **arguments: Any) -> float:
    return float(TOOLS["estimate_speed"].call(catalogue, {**MODEL, **arguments}).decode_tokens_per_s.typical)


def lost(catalogue: Catalogue, count: int) -> float:
    """Milliseconds of a token that further boxes cost."""
    return 1000 / speed(catalogue, **BOX, device_count=count) - 1000 / speed(catalogue, **BOX)


@pytest.mark.parametrize(("boxes", "published_ms"), [(2, 4.8), (3, 13.6), (4, 16.4)])
def test_layers_over_boxes_lose_what_was_measured(catalogue: Catalogue, boxes: int, published_ms: float) -> None:
    """gpt-oss 120B on Framework Desktops by llama.cpp's RPC: 33.5 tokens/s alone, then 28.87, 23.02 and 21.61."""
    assert lost(catalogue, boxes) == pytest.approx(published_ms, rel=0.25)


def test_tensor_parallel_over_two_sparks_is_near_what_was_measured(catalogue: Catalogue) -> None:
    """vLLM, gpt-oss 120B in MXFP4 over RDMA: 57.5 tokens/s alone, 69.0 with two."""
    alone = speed(catalogue, device="dgx spark")
    both = speed(catalogue, **SPARK, device_count=2, host_link="dgx spark network")
    assert both / alone == pytest.approx(69.0 / 57.5, rel=0.1)


@given(st.integers(1, 16), st.floats(1e7, 1e11), st.booleans(), st.integers(1, 4096))
def test_more_computers_and_slower_links_are_never_faster(hosts: int, rate: float, rdma: bool, tokens: int) -> None:
    network, more, slower = Network(hosts, rate, rdma), Network(hosts + 1, rate, rdma), Network(hosts, rate / 2, rdma)
    for worse in (more, slower):
        assert worse.hand_over_seconds(tokens, 4096) >= network.hand_over_seconds(tokens, 4096)
        assert worse.sum_seconds(tokens * 8192) >= network.sum_seconds(tokens * 8192)
    assert Network(hosts, rate, True).sum_seconds(8192) <= Network(hosts, rate, False).sum_seconds(8192)


def test_cards_in_one_computer_are_faster_than_in_two(catalogue: Catalogue) -> None:
    cards = {"model": "llama 3.1 70b", "device": "RTX 3090", "device_count": 4}
    assert speed(catalogue, **cards) > speed(catalogue, **cards, hosts=2)
    assert speed(catalogue, **cards, hosts=2) >= speed(catalogue, **cards, hosts=4)


def test_what_joins_nothing_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(KnowledgeBaseError, match="garden hose"):
        speed(catalogue, device="RTX 3090", device_count=2, hosts=2, host_link="garden hose")


def test_unequal_parts_are_refused(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidArgument, match="equal parts of 3 devices"):
        speed(catalogue, device="RTX 3090", device_count=3, hosts=2)


def test_the_lines_for_several_computers_stand_in_the_answer(catalogue: Catalogue) -> None:
    for tool, given_more, line in (
        ("estimate_speed", {}, "--rpc ADDRESS:PORT"),
        ("check_fit", {"tensor_parallel": True}, "--nnodes 2"),
    ):
        arguments = {**MODEL, "device": "dgx spark", "device_count": 2, **given_more}
        result = TOOLS[tool].call(catalogue, arguments)
        said = TOOLS.say(tool)(result, Asked(tool=tool, stated=frozenset(arguments), arguments=arguments))
        assert line in markdown.brief(list(said), lambda _: 0)
