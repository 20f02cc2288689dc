import logging
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from kb.errors import EngineUnavailable
from kb.llm import make_engine
from kb.llm.base import Engine, Prompt, Run
from kb.llm.default_model import write_default_model
from kb.settings import Settings
from tests.make_gguf import truncate

PROMPT = Prompt("s", "q", (), 8)


@pytest.fixture
def engines() -> Iterator[list[Engine]]:
    made: list[Engine] = []
    yield made
    for engine in made:
        engine.close()


def make(engines: list[Engine], **fields: Any) -> Engine:
    engine = make_engine(Settings(**fields))
    assert engine
    engines.append(engine)
    return engine


def settled(engine: Engine) -> str:
    for _ in range(3000):
        if engine.status() != "loading":
            return engine.status()
        sleep(0.01)
    pytest.fail("it loads and loads")


def test_nothing_asked_for_and_a_default(engines: list[Engine], tmp_path: Path, tiny_gguf: Path) -> None:
    assert make_engine(Settings(data_dir=tmp_path)) is None
    write_default_model(tmp_path, tiny_gguf)
    assert make(engines, data_dir=tmp_path).name == f"gguf:{tiny_gguf.stem}"


def test_a_file(engines: list[Engine], tiny_gguf: Path) -> None:
    engine = make(engines, model=tiny_gguf, llm_context=512, llm_threads=1)
    assert settled(engine) == "ready"
    assert len("".join(engine.write(PROMPT, Run(60)))) == 8


def test_a_server_goes_before_a_file(engines: list[Engine], tiny_gguf: Path) -> None:
    assert make(engines, model=tiny_gguf, llm_url="http://localhost:1", llm_model="m").name == "openai:m"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing.gguf", "cannot be read: No such file"),
        ("folder.gguf", "cannot be read: Is a directory"),
        ("empty.gguf", "is not a GGUF file"),
        ("text.gguf", "is not a GGUF file: it begins with b'# Re'"),
        ("half.gguf", "cannot be loaded: .*incomplete"),
        ("start.gguf", "cannot be loaded: "),
        ("magic.gguf", "cannot be loaded: "),
    ],
)
def test_a_broken_file_is_named_in_the_log_and_to_whoever_asks(
    engines: list[Engine], tiny_gguf: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, why: str
) -> None:
    path = tmp_path / name
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "text.gguf").write_text("# Read me")
    (tmp_path / "magic.gguf").write_bytes(b"GGUF" + bytes(range(256)) * 8)
    truncate(tiny_gguf, tmp_path / "half.gguf")
    truncate(tiny_gguf, tmp_path / "start.gguf", keep=0.01)
    with caplog.at_level(logging.ERROR):
        engine = make(engines, model=path, llm_context=512)
        status = settled(engine)
    assert engine.name == f"gguf:{path.stem}"
    assert path.name in status
    assert str(path.parent) not in status, "statuses leave by the API, and folders are nobody's business there"
    assert status in caplog.text
    with pytest.raises(EngineUnavailable, match=why) as failure:
        list(engine.write(PROMPT, Run(60)))
    assert str(failure.value) == status


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"llm_url": "localhost:8080"}, "KB_LLM_URL"),
        ({"llm_url": "ftp://host/v1"}, "KB_LLM_URL"),
        ({"llm_url": "http://host:port"}, "KB_LLM_URL"),
        ({"llm_url": "http://localhost:1", "llm_api_key": "sk-\n"}, "KB_LLM_API_KEY"),
        ({"llm_url": "http://localhost:1", "llm_api_key": "schlüssel"}, "KB_LLM_API_KEY"),
    ],
)
def test_settings_that_make_no_request(engines: list[Engine], fields: dict[str, str], why: str) -> None:
    engine = make(engines, **fields)
    assert why in engine.status()
    assert "schlüssel" not in engine.status()
    with pytest.raises(EngineUnavailable, match=why):
        list(engine.write(PROMPT, Run(60)))
