"""Runs that other people published: each is answered, and what is exact stays exact."""

from statistics import median

import pytest

from eval.runs import MEMORY, compare, main, runs
from kb.catalogue import Catalogue


def test_every_run_is_estimated() -> None:
    catalogue = Catalogue.load()
    found = [one for run in runs() for one in compare(catalogue, run)]
    assert {one.run for one in found} == {run.id for run in runs()}
    assert all(one.estimated > 0 for one in found)
    of = {kind: [one for one in found if one.what.startswith(kind)] for kind in ("decode", "prefill", *MEMORY)}
    assert max(abs(one.error) for one in of["kv_cache"]) < 0.02
    assert median(abs(one.error) for one in of["weights"]) < 0.05
    assert median(abs(one.error) for one in of["compute"]) < 0.10
    # What was reached when these inputs were added; other people's single runs scatter by more than the model is off.
    assert median(abs(one.error) for one in of["decode"]) < 0.18
    assert median(abs(one.error) for one in of["prefill"]) < 0.20
    assert sum(one.in_range for one in of["decode"]) >= 0.8 * len(of["decode"])


def test_the_table_is_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    assert "decode: " in told
    assert "  offload: " in told
