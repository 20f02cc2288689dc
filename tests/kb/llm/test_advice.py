"""Which model suits which machine; and what one measures here."""

import sys
from pathlib import Path

import pytest

from kb.catalogue import Catalogue
from kb.errors import EngineUnavailable, UnreadableModel
from kb.llm.advice import LEAST_TOKENS_PER_S, advise, advise_on_file, choose
from kb.llm.bench import bench
from kb.llm.downloads import load_downloads
from kb.llm.listing import list_models
from kb.settings import Settings
from kb.tools.shared.here import device_here
from kb.tools.shared.this_machine import Gpu, ThisMachine
from tests.make_gguf import make_gguf, truncate

ROOT = Path(__file__).resolve().parents[3]
DOWNLOADS = load_downloads(ROOT)
CONTEXT = 4096

LAPTOP = ThisMachine("a processor of nobody", 4, 7.6, ())
SERVER = ThisMachine("AMD EPYC", 4, 15.5, ())
CARD_8_GB = ThisMachine("AMD Ryzen 9 9950X", 32, 31.0, (Gpu("NVIDIA GeForce RTX 4060", 8188 / 1024, "cuda"),))
CARD_24_GB = ThisMachine("AMD Ryzen 9 9950X", 32, 62.0, (Gpu("NVIDIA GeForce RTX 4090", 24564 / 1024, "cuda"),))
NOTHING = ThisMachine("a processor of nobody", 1, 0.5, ())


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (LAPTOP, "qwen3-4b"),
        (SERVER, "qwen3-4b"),
        (CARD_8_GB, "qwen3-8b"),
        (CARD_24_GB, "qwen3-30b-a3b"),
        (NOTHING, None),
    ],
    ids=["7.6 GiB and no card", "a slice of a server", "8 GB card", "24 GB card", "half a GiB"],
)
def test_the_best_that_serves_is_chosen(catalogue: Catalogue, machine: ThisMachine, name: str | None) -> None:
    advice = advise(catalogue, DOWNLOADS, device_here(catalogue, machine), CONTEXT)
    best = choose(advice)
    assert (best.name if best else None) == name
    before = advice[: advice.index(best)] if best else advice
    serves = [each for each in advice if each.fits and each.decode_tokens_per_s.typical >= LEAST_TOKENS_PER_S]
    assert serves[:1] == ([best] if best else [])
    assert all(not each.fits or each.decode_tokens_per_s.typical < LEAST_TOKENS_PER_S for each in before)
    assert all(": no, " in each.why for each in before)


def test_a_reason_for_each(catalogue: Catalogue) -> None:
    reasons = {each.name: each.why for each in advise(catalogue, DOWNLOADS, device_here(catalogue, SERVER), CONTEXT)}
    assert "does not hold whole" in reasons["qwen3-30b-a3b"]
    assert "tokens/s are below 8" in reasons["qwen3-8b"]
    assert reasons["qwen3-4b"].startswith("qwen3-4b: yes, it needs ")


def test_a_file_of_ones_own_is_listed_too(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    make_gguf(folder / "mine.gguf")
    (folder / "broken.gguf").write_bytes(b"no model")
    (folder / "Qwen3-8B-Q4_K_M.gguf.0123456789ab.part").touch()
    rows = list_models(catalogue, DOWNLOADS, tmp_path, device_here(catalogue, LAPTOP), CONTEXT)
    assert [row.name for row in rows] == [*(download.slug for download in DOWNLOADS), "mine"]
    assert {row.name: row.downloaded for row in rows if row.downloaded != "no"} == {"qwen3-8b": "partly", "mine": "yes"}
    assert rows[-1].repository is None
    assert rows[-1].size_gb == pytest.approx((folder / "mine.gguf").stat().st_size / 1e9, abs=5e-4)
    assert advise_on_file(catalogue, folder / "broken.gguf", device_here(catalogue, LAPTOP), CONTEXT) is None


def test_bench_of_a_real_file(catalogue: Catalogue, settings: Settings, tmp_path: Path) -> None:
    here = device_here(catalogue, LAPTOP)
    found = bench(catalogue, make_gguf(tmp_path / "tiny.gguf"), here, settings)
    assert (found.prompt_tokens, found.generated_tokens) == (512, 128)
    for speed in (found.prompt, found.generation):
        assert speed.measured_tokens_per_s > 0
        assert speed.ratio == pytest.approx(
            speed.measured_tokens_per_s / speed.predicted_tokens_per_s.typical, abs=0.01
        )


def test_bench_of_what_is_no_model(catalogue: Catalogue, settings: Settings, tmp_path: Path) -> None:
    here = device_here(catalogue, LAPTOP)
    model = make_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(UnreadableModel, match=r"gone\.gguf"):
        bench(catalogue, tmp_path / "gone.gguf", here, settings)
    with pytest.raises(UnreadableModel, match=r"cut\.gguf"):
        bench(catalogue, truncate(model, tmp_path / "cut.gguf", keep=0.01), here, settings)


def test_bench_says_why_llama_cpp_refuses(
    catalogue: Catalogue, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = device_here(catalogue, LAPTOP)
    model = make_gguf(tmp_path / "tiny.gguf")
    unknown = tmp_path / "unknown.gguf"  # of an architecture that does not exist, as one newer than llama.cpp would be
    unknown.write_bytes(model.read_bytes().replace(b"llama", b"lambo"))
    with pytest.raises(UnreadableModel, match="lambo' is not known here"):
        bench(catalogue, unknown, here, settings)
    killed = tmp_path / "killed"
    killed.write_text("#!/bin/sh\nkill -9 $$\n", "utf-8")
    killed.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killed))
    with pytest.raises(EngineUnavailable, match="signal 9"):
        bench(catalogue, model, here, settings)
