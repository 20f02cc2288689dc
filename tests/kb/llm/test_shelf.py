"""The files that are here, and the default among them."""

from pathlib import Path

import pytest

from kb.errors import InvalidArgument, UnknownName
from kb.llm import make_engine
from kb.llm.default_model import models_dir, read_default_model, write_default_model
from kb.llm.downloads import load_downloads
from kb.llm.shelf import find_file, remove, shelved, unfinished
from kb.settings import Settings

DOWNLOADS = load_downloads(Path(__file__).resolve().parents[3])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A model of the table, one of the user's, a split one, and a broken transfer."""
    folder = models_dir(tmp_path)
    folder.mkdir()
    names = ("Qwen3-4B-Instruct-2507-Q4_K_M.gguf", "mine.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf")
    for name in (*names, "Qwen3-8B-Q4_K_M.gguf.0123456789ab.part"):
        (folder / name).write_bytes(b"GGUF")
    return tmp_path


def test_what_is_here(data: Path) -> None:
    assert [file.name for file in shelved(data)] == [
        "Qwen3-4B-Instruct-2507-Q4_K_M.gguf", "big-00001-of-00002.gguf", "mine.gguf",
    ]  # fmt: skip
    assert [file.name for file in unfinished(data)] == ["Qwen3-8B-Q4_K_M.gguf"]
    assert shelved(data / "none") == unfinished(data / "none") == []


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("qwen3-4b", "Qwen3-4B-Instruct-2507-Q4_K_M.gguf"),
        ("mine", "mine.gguf"),
        ("Mine.gguf", "mine.gguf"),
        ("big-00001-of-00002", "big-00001-of-00002.gguf"),
    ],
)
def test_names(data: Path, name: str, file: str) -> None:
    assert find_file(data, DOWNLOADS, name) == models_dir(data) / file


def test_a_path_is_a_file_anywhere(data: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else.gguf"
    elsewhere.write_bytes(b"GGUF")
    assert find_file(data, DOWNLOADS, str(elsewhere)) == elsewhere
    second = models_dir(data) / "big-00002-of-00002.gguf"
    assert find_file(data, DOWNLOADS, str(second)).name == "big-00001-of-00002.gguf"


def test_names_of_nothing(data: Path) -> None:
    with pytest.raises(InvalidArgument, match="kb model pull qwen3-8b"):
        find_file(data, DOWNLOADS, "qwen3-8b")
    with pytest.raises(UnknownName, match="Nearest: mine"):
        find_file(data, DOWNLOADS, "mime")


def test_there_is_no_default_until_one_is_chosen_and_none_can_be(data: Path) -> None:
    assert read_default_model(data) is None
    write_default_model(data, models_dir(data) / "mine.gguf")
    write_default_model(data, None)
    assert (models_dir(data) / "default").read_text("utf-8") == "none\n"
    assert read_default_model(data) is None
    assert make_engine(Settings(data_dir=data)) is None


def test_a_default_moves_with_the_data_folder(data: Path, tmp_path: Path) -> None:
    write_default_model(data, models_dir(data) / "mine.gguf")
    moved = models_dir(data).rename(tmp_path / "moved")
    assert read_default_model(moved.parent) is None
    moved.rename(models_dir(data))
    assert read_default_model(data) == models_dir(data) / "mine.gguf"
    assert (models_dir(data) / "default").read_text("utf-8") == "mine.gguf\n"
    write_default_model(data, tmp_path / "else.gguf")
    assert read_default_model(data) == tmp_path / "else.gguf"


def test_the_default_makes_the_engine_and_the_setting_goes_before(data: Path, tmp_path: Path) -> None:
    """Neither file is a model: each engine says which it was given."""
    write_default_model(data, models_dir(data) / "gone.gguf")
    engine = make_engine(Settings(data_dir=data))
    assert engine is not None
    assert "gone.gguf cannot be read" in engine.status()
    other = make_engine(Settings(data_dir=data, model=tmp_path / "set.gguf"))
    assert other is not None
    assert "set.gguf cannot be read" in other.status()


def test_remove_takes_all_parts_and_resets_the_default(data: Path) -> None:
    big = models_dir(data) / "big-00001-of-00002.gguf"
    write_default_model(data, big)
    remove(data, big)
    assert [file.stem for file in shelved(data)] == ["Qwen3-4B-Instruct-2507-Q4_K_M", "mine"]
    assert read_default_model(data) is None
    write_default_model(data, models_dir(data) / "mine.gguf")
    remove(data, find_file(data, DOWNLOADS, "qwen3-8b", whole=False))
    assert unfinished(data) == []
    assert read_default_model(data) == models_dir(data) / "mine.gguf"


def test_other_peoples_files_are_not_removed(data: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else.gguf"
    elsewhere.write_bytes(b"GGUF")
    with pytest.raises(InvalidArgument, match="not ours to delete"):
        remove(data, elsewhere)
    assert elsewhere.is_file()
