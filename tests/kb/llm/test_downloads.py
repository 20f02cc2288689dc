"""The shipped table of models, whole."""

from pathlib import Path

import pytest

from kb.catalogue.records import LanguageModel
from kb.catalogue.units import GB
from kb.errors import InvalidArgument, InvalidKnowledge, UnknownName
from kb.llm.downloads import Download, Wanted, load_downloads, wanted
from kb.search.live import Index
from kb.tools.shared.resolve import resolve_model, resolve_quantization, resolve_weights

ROOT = Path(__file__).resolve().parents[3]
DOWNLOADS = load_downloads(ROOT)
SIZES = {"small": (0.5, 2.0), "middle": (2.0, 9.0), "large": (9.0, 40.0)}
"""Billions of parameters, from and below."""


@pytest.mark.parametrize("download", DOWNLOADS, ids=lambda download: download.slug)
def test_each_is_of_the_catalogue(download: Download, index: Index) -> None:
    model = index.known.specs["models"][download.model]
    assert isinstance(model, LanguageModel)
    assert model.licence
    assert model.params_total
    low, below = SIZES[download.size]
    assert low <= model.params_total.value / 1e9 < below
    assert download.quantization in index.known.specs["quantizations"]
    assert {source.source for source in download.sources} <= set(index.known.sources)
    assert [source.section for source in download.sources] == [download.repository]
    assert download.quantization.replace("_", "") in download.file.casefold().replace("_", "")


@pytest.mark.parametrize("download", DOWNLOADS, ids=lambda download: download.slug)
def test_sizes_agree_with_the_calculator(download: Download, index: Index) -> None:
    """The file holds the tensors, and a header with the vocabulary."""
    model, quantization = resolve_model(index, download.model), resolve_quantization(index, download.quantization)
    tensors_gb = resolve_weights(index, model, quantization).total_bytes / GB
    assert download.size_gb == pytest.approx(tensors_gb, rel=0.02)


def test_every_size_is_there_and_the_names_are_single() -> None:
    assert {download.size for download in DOWNLOADS} == set(SIZES)
    assert len({Path(download.file).name for download in DOWNLOADS}) == len(DOWNLOADS)


@pytest.mark.parametrize("name", ["qwen3-4b", "Qwen3 4B", "Qwen3-4B-Instruct-2507-Q4_K_M.gguf"])
def test_names(name: str) -> None:
    meant = Wanted("unsloth/Qwen3-4B-Instruct-2507-GGUF", "Qwen3-4B-Instruct-2507-Q4_K_M.gguf")
    assert wanted(DOWNLOADS, name) == meant


def test_a_file_of_any_repository() -> None:
    assert wanted(DOWNLOADS, "me/My-GGUF/q8/mine.gguf") == Wanted("me/My-GGUF", "q8/mine.gguf")


def test_names_of_nothing() -> None:
    with pytest.raises(UnknownName, match=r"No model to pull is called 'qwen3-5b'\. Nearest: qwen3-"):
        wanted(DOWNLOADS, "qwen3-5b")
    with pytest.raises(InvalidArgument, match=r"OWNER/REPOSITORY/FILE\.gguf"):
        wanted(DOWNLOADS, "me/My-GGUF/model.safetensors")
    with pytest.raises(InvalidArgument, match="kb model list"):
        wanted(DOWNLOADS, "me/My-GGUF")


def test_mistakes_in_the_table_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidKnowledge, match=r"downloads\.yaml"):
        load_downloads(tmp_path)
    file = tmp_path / "glossary" / "downloads.yaml"
    file.parent.mkdir()
    file.write_text("tiny:\n  model: tiny\n  size: enormous\n", "utf-8")
    with pytest.raises(InvalidKnowledge, match="'small', 'middle' or 'large'"):
        load_downloads(tmp_path)
