"""Real llama.cpp in a real process, with a tiny real file."""

import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Event, Timer
from time import sleep

import pytest

from kb.errors import EngineBusy, EngineUnavailable
from kb.llm.base import Prompt, Run
from kb.llm.local import LocalEngine
from tests.make_gguf import make_gguf, quantize_gguf

StartLocal = Callable[..., LocalEngine]

SHORT = Prompt("Be brief.", "Can I run a 70B?", ("It needs 42.5 GB.", "The card has 24 GB."), 24)
ENDLESS = Prompt("Be brief.", "Tell me everything.", (), 100_000)
LONG_TO_READ = Prompt("Be brief.", "why? " * 25_000, (), 16)
"""Takes llama.cpp far longer to read than any deadline here."""


def ask(engine: LocalEngine, prompt: Prompt = SHORT) -> str:
    return "".join(engine.write(prompt, Run(60)))


def until(condition: Callable[[], object]) -> None:
    for _ in range(3000):
        if condition():
            return
        sleep(0.01)
    pytest.fail("waited for half a minute in vain")


def is_running(pid: int) -> bool:
    """A zombie, which waits for someone to ask how it died, is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_writes_text_and_counts_tokens(local: LocalEngine) -> None:
    run = Run(60)
    text = "".join(local.write(SHORT, run))
    assert len(text) == run.completion_tokens == 24
    assert run.prompt_tokens > len(SHORT.question)
    assert local.status() == "ready"
    assert local.name == "gguf:tiny"


def test_loads_in_the_background(start_local: StartLocal, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "kb.llm.local"):
        engine = start_local()
        assert engine.status() == "loading"
        until(lambda: engine.status() == "ready")
    assert "gguf:tiny is loaded" in caplog.text
    assert "llama.cpp: llama_kv_cache" in caplog.text


def test_a_quantized_file_writes_too(start_local: StartLocal, tiny_gguf: Path, tmp_path: Path) -> None:
    assert len(ask(start_local(quantize_gguf(tiny_gguf, tmp_path / "q8.gguf")))) == 24


def test_the_same_question_gets_the_same_answer(start_local: StartLocal) -> None:
    assert ask(start_local()) == ask(start_local())


def test_a_cancelled_run_ends_early(local: LocalEngine) -> None:
    run = Run(60)
    pieces = local.write(ENDLESS, run)
    for _ in range(5):
        next(pieces)
    run.cancelled.set()
    assert list(pieces) == []
    assert 5 <= run.completion_tokens < ENDLESS.max_tokens
    assert_answers(local, local.pid)


def assert_answers(engine: LocalEngine, pid: int | None) -> None:
    """The next request is served, by the same process: it was free, and nobody had to kill it."""
    assert len(ask(engine)) == 24
    assert engine.pid == pid


def test_a_closed_generator_stops_the_model(local: LocalEngine) -> None:
    run = Run(60)
    with closing(local.write(ENDLESS, run)) as pieces:
        next(pieces)
    assert 0 < run.completion_tokens < ENDLESS.max_tokens
    assert_answers(local, local.pid)


def test_a_run_cancelled_before_it_begins_writes_nothing(local: LocalEngine) -> None:
    run = Run(60)
    run.cancelled.set()
    assert list(local.write(SHORT, run)) == []


def test_cancelling_stops_the_reading_of_a_long_prompt(local: LocalEngine) -> None:
    ask(local)
    pid = local.pid
    run = Run(60)
    timer = Timer(1.0, run.cancelled.set)
    timer.start()
    assert list(local.write(LONG_TO_READ, run)) == []
    timer.join()
    assert run.completion_tokens == 0
    assert_answers(local, pid)


def test_what_cannot_be_read_in_time_is_refused_at_once(local: LocalEngine) -> None:
    ask(local)
    pid, run = local.pid, Run(0.5)
    with pytest.raises(EngineUnavailable, match=r"would need about .* tokens to read at .* 0\.\d+ s are left\."):
        list(local.write(LONG_TO_READ, run))
    assert run.completion_tokens == run.prompt_tokens == 0
    assert_answers(local, pid)


def test_a_text_is_made_as_long_as_the_time_allows(local: LocalEngine) -> None:
    ask(local)
    pid, run = local.pid, Run(1.0)
    with suppress(EngineUnavailable):  # on a machine that has become slower meanwhile
        list(local.write(ENDLESS, run))
    assert 0 < run.completion_tokens < ENDLESS.max_tokens
    assert_answers(local, pid)


def test_the_deadline_counts_the_time_in_the_queue(local: LocalEngine) -> None:
    """And who would wait in vain is told so."""
    with closing(local.write(ENDLESS, Run(60))) as first:
        next(first)
        with pytest.raises(EngineBusy, match=r"busy: one request is before this one, for about .* 0\.2 s are left"):
            list(local.write(SHORT, Run(0.2)))
        next(first)


def test_who_waits_is_told_how_many_are_ahead(local: LocalEngine) -> None:
    ask(local)
    waits, heard = Event(), list[int]()

    def told(ahead: int) -> None:
        heard.append(ahead)
        waits.set()

    with ThreadPoolExecutor(1) as pool:
        with closing(local.write(ENDLESS, Run(60))) as first:
            next(first)
            second = pool.submit(lambda: "".join(local.write(SHORT, Run(120, told_ahead=told))))
            assert waits.wait(60)
        assert len(second.result()) == 24
    assert heard == [1, 0]


def test_a_full_queue_is_said_at_once(start_local: StartLocal) -> None:
    engine = start_local(waiting=0)
    with closing(engine.write(ENDLESS, Run(60))) as first:
        next(first)
        with pytest.raises(EngineBusy, match="1 requests are running or waiting"):
            ask(engine)
    assert len(ask(engine)) == 24


def test_several_threads_are_served_one_after_the_other(local: LocalEngine) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda n: ask(local, Prompt("s", f"Question {n}", (), 20 + n)), range(8)))
    assert [len(text) for text in texts] == [20 + n for n in range(8)]


def test_a_killed_process_fails_its_request_and_no_other(start_local: StartLocal) -> None:
    engine = start_local()
    pieces = engine.write(ENDLESS, Run(60))
    next(pieces)
    killed = engine.pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(EngineUnavailable, match=r"process ended \(signal 9\)"):
        list(pieces)
    assert len(ask(engine)) == 24
    assert engine.pid != killed
    assert not Path(f"/proc/{killed}").exists(), "reaped"


def test_a_process_that_dies_with_nothing_to_do_is_started_again(start_local: StartLocal) -> None:
    engine = start_local()
    ask(engine)
    killed = engine.pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    until(lambda: engine.pid not in (None, killed))
    assert len(ask(engine)) == 24


def test_a_process_that_hangs_is_killed_and_started_again(
    start_local: StartLocal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb.llm.local.STOP_S", 0.2)
    engine = start_local()
    ask(engine)
    hung = engine.pid
    assert hung
    os.kill(hung, signal.SIGSTOP)
    with pytest.raises(EngineUnavailable, match=r"did not finish within 0\.3 s"):
        list(engine.write(SHORT, Run(0.3)))
    assert len(ask(engine)) == 24
    assert engine.pid != hung


def test_the_working_directory_lends_the_process_no_modules(
    start_local: StartLocal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('imported from the working directory')")
    monkeypatch.chdir(tmp_path)
    assert len(ask(start_local())) == 24


def test_a_process_that_dies_again_and_again_while_loading_is_given_up(start_local: StartLocal) -> None:
    engine = start_local()
    killed: set[int] = set()
    for _ in range(3):
        until(lambda: engine.pid not in (None, *killed))
        assert engine.pid
        killed.add(engine.pid)
        os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineUnavailable, match=r"tiny\.gguf died 3 times in a row.*signal 9.*Memory that ran out"):
        ask(engine)
    assert engine.status().startswith("unusable: ")


def test_ctrl_c_in_the_terminal_is_for_the_server(local: LocalEngine) -> None:
    ask(local)
    assert local.pid
    os.kill(local.pid, signal.SIGINT)
    assert_answers(local, local.pid)
    assert os.getpgid(local.pid) != os.getpgid(0)


def test_evidence_that_the_context_cannot_hold_is_dropped(start_local: StartLocal) -> None:
    engine = start_local(context=512)
    run = Run(60)
    for _ in engine.write(Prompt("s", "q", ("evidence " * 20,) * 12, 100), run):
        pass
    assert run.completion_tokens == 100
    assert 200 < run.prompt_tokens <= 412


def test_a_question_that_the_context_cannot_hold_is_refused(start_local: StartLocal) -> None:
    engine = start_local(context=512)
    with pytest.raises(EngineUnavailable, match=r"too long for .* \d+ tokens, and its context has 512"):
        ask(engine, Prompt("s", "why? " * 200, (), 100))
    assert len(ask(engine)) == 24


def test_the_context_is_never_longer_than_the_model_was_trained_for(start_local: StartLocal, tmp_path: Path) -> None:
    engine = start_local(make_gguf(tmp_path / "short.gguf", context=512), context=4096)
    with pytest.raises(EngineUnavailable, match="its context has 512"):
        ask(engine, Prompt("s", "why? " * 200, (), 100))


def test_text_that_is_not_valid_unicode_is_written_about(local: LocalEngine) -> None:
    assert len(ask(local, Prompt("s", "\ud800 \x00 ☃", ("\udfff",), 24))) == 24


def test_closing_ends_the_process_and_what_it_does(start_local: StartLocal) -> None:
    engine = start_local()
    pieces = engine.write(ENDLESS, Run(60))
    next(pieces)
    pid = engine.pid
    engine.close()
    engine.close()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(EngineUnavailable, match="shut down"):
        list(pieces)
    with pytest.raises(EngineUnavailable, match="shut down"):
        ask(engine)
    assert engine.status() == "The language model has been shut down."


def test_closing_while_loading(start_local: StartLocal) -> None:
    engine = start_local()
    engine.close()
    assert engine.pid is None


def run_server(code: str, model: Path) -> subprocess.CompletedProcess[str]:
    """A process that has nothing but an engine, with warnings as errors."""
    script = f"""
        import os, signal, sys
        from pathlib import Path
        from kb.llm import make_engine
        from kb.llm.base import Prompt, Run
        from kb.settings import Settings
        engine = make_engine(Settings(model=Path({str(model)!r}), llm_context=131072, llm_threads=1))
    """
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_server_never_imports_llama_cpp(tiny_gguf: Path) -> None:
    code = """
        print("".join(engine.write(Prompt("s", "q", (), 8), Run(60))))
        engine.close()
        assert not any("llama_cpp" in name for name in sys.modules)
    """
    done = run_server(code, tiny_gguf)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) == 8 + 1


@pytest.mark.parametrize("question", ["q", "why? " * 20_000], ids=["writing", "reading"])
def test_the_process_ends_with_a_server_that_is_killed(tiny_gguf: Path, question: str) -> None:
    code = f"""
        from threading import Event, Timer
        def die():
            print(engine.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        list(engine.write(Prompt("s", "q", (), 1), Run(60)))
        Timer(0.3, die).start()
        list(engine.write(Prompt("s", {question!r}, (), 100_000), Run(60)))
    """
    done = run_server(code, tiny_gguf)
    assert done.returncode == -signal.SIGKILL, done.stderr
    until(lambda: not is_running(int(done.stdout)))
