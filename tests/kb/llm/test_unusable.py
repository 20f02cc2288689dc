"""A llama.cpp that does not run on this processor: said once, wherever somebody looks, and not tried again."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kb.cli import app
from kb.errors import EngineUnavailable
from kb.llm.base import Prompt, Run
from kb.llm.local import LocalEngine
from kb.llm.mend import CMAKE_ARGS, mend
from kb.settings import settings as environment
from tests.kb.llm.conftest import StartLocal
from tests.kb.llm.test_local import until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr("kb.llm.process.PROGRAM", "tests.kb.llm.stand_in")
    monkeypatch.setattr("kb.llm.local.TEST_S", 0.3)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("STAND_IN", request.param)


def settled(engine: LocalEngine) -> str:
    until(lambda: engine.status() != "loading")
    return engine.status()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("test:SIGSEGV", r"This build of llama\.cpp crashes on this processor \(SIGSEGV\): `make llama`"),
        ("test:SIGILL", r"This build of llama\.cpp crashes on this processor \(SIGILL\): `make llama`"),
        ("load:SIGILL", r"This build of llama\.cpp crashes on this processor \(SIGILL\): `make llama`"),
        ("test:hang", r"not even a few tokens within 0\.3 s: either .*hangs.*`make llama`.*`kb model list`"),
        ("test:slow", r"0\.2 tokens/s here, too slow to be of use; choose a smaller one \(`kb model list`\)"),
    ],
    indirect=["broken"],
)
@pytest.mark.usefixtures("broken")
def test_an_engine_that_fails_its_test_is_unusable_and_is_not_tried_again(
    start_local: StartLocal, caplog: pytest.LogCaptureFixture, said: str
) -> None:
    engine = start_local()
    with pytest.raises(EngineUnavailable, match=said):
        "".join(engine.write(Prompt("s", "q", (), 8), Run(20)))
    assert engine.status().startswith("unusable: ")
    until(lambda: engine.pid is None)
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match=said):
            "".join(engine.write(Prompt("s", "q", (), 8), Run(20)))
    assert engine.pid is None, "no process was started for them"
    assert [record.levelno for record in caplog.records if "is unusable" in record.message] == [logging.ERROR]


@pytest.mark.parametrize(("whole", "deadline_s", "waited"), [(True, 30, r"1\.[67]\d* s"), (False, 2, "2 s")])
@pytest.mark.parametrize("broken", ["ask:hang"], indirect=True)
@pytest.mark.usefixtures("broken")
def test_a_whole_reply_does_not_wait_for_a_model_that_has_become_far_slower(
    start_local: StartLocal, whole: bool, deadline_s: float, waited: str
) -> None:
    engine = start_local()
    assert settled(engine) == "ready"
    with pytest.raises(EngineUnavailable, match=f"did not finish within {waited}"):
        "".join(engine.write(Prompt("s", "q", (), 8), Run(deadline_s, whole=whole)))


@pytest.mark.parametrize("broken", ["load:SIGSEGV"], indirect=True)
@pytest.mark.usefixtures("broken")
def test_a_crash_while_loading_may_be_the_file(start_local: StartLocal) -> None:
    said = r"tiny\.gguf died 3 times in a row.*SIGSEGV.*Either the file is damaged, or this build .*`make llama`"
    with pytest.raises(EngineUnavailable, match=said):
        "".join(start_local().write(Prompt("s", "q", (), 8), Run(20)))


@pytest.mark.parametrize("broken", ["test:SIGSEGV"], indirect=True)
@pytest.mark.usefixtures("broken")
def test_doctor_and_model_list_say_it(data_dir: Path, tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_DATA_DIR", str(data_dir))
    monkeypatch.setenv("KB_MODEL", str(tiny_gguf))
    environment.cache_clear()
    try:
        doctor = CliRunner().invoke(app, ["doctor"])
        listed = CliRunner().invoke(app, ["model", "list"])
    finally:
        environment.cache_clear()
    assert doctor.exit_code == 1
    said = "unusable: This build of llama.cpp crashes on this processor (SIGSEGV): `make llama`"
    assert said in " ".join(doctor.output.split())
    assert said in " ".join(listed.output.split())


def test_a_real_model_passes_and_doctor_has_it_write(
    data_dir: Path, instruct_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_DATA_DIR", str(data_dir))
    monkeypatch.setenv("KB_MODEL", str(instruct_model))
    environment.cache_clear()
    try:
        doctor = CliRunner().invoke(app, ["doctor"])
    finally:
        environment.cache_clear()
    assert doctor.exit_code == 0, doctor.output
    said = " ".join(doctor.output.split())
    assert "it writes" in said
    assert "embedding model: 384 numbers for a text" in said
    assert "a query finds " in said


def test_the_log_level_reaches_llama_cpp(start_local: StartLocal, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "kb"):
        assert settled(start_local()) == "ready"
    levels = {record.levelno for record in caplog.records if record.message.startswith("llama.cpp: ")}
    assert logging.DEBUG in levels


def test_the_mend_outside_a_checkout_is_the_whole_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kb.llm.mend._CHECKOUT", tmp_path / "Makefile")
    assert f'CMAKE_ARGS="{CMAKE_ARGS}" pip install' in mend()
    assert "--no-cache-dir" in mend()


def test_makefile_containerfile_and_readme_have_the_same_arguments() -> None:
    for name in ("Makefile", "Containerfile"):
        assert "kb/llm/llama_cmake_args.txt" in (ROOT / name).read_text("utf-8"), name
    assert f'CMAKE_ARGS="{CMAKE_ARGS}"' in (ROOT / "README.md").read_text("utf-8")


def test_the_library_in_use_holds_no_amx() -> None:
    """Compiled for the processor at hand it would, on one that shows AMX, and die on some that only seem to have it."""
    import importlib.util

    package = importlib.util.find_spec("llama_cpp")
    assert package
    assert package.origin
    library = next((Path(package.origin).parent / "lib").glob("libggml-cpu.*"))
    code = "import ctypes, sys; import llama_cpp; print(llama_cpp.llama_print_system_info().decode())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "AMX" not in said, f"{library} was compiled for one processor; {mend()}"
