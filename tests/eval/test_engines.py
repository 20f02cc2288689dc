"""Engines side by side: none, a real GGUF file through llama.cpp, and a real HTTP server."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from eval.asking import ask
from eval.comparison import ABSENT, EngineReport, abstention_f1
from eval.engines import EngineMissing, open_engine, settings_for
from eval.planning import PlannedCall, PlanScore
from eval.report import Report
from eval.rubric import read_rubric
from eval.run import run_eval, run_plans
from eval.samples import Sample, read_samples
from kb.chat.assistant import Assistant
from kb.search.live import Index, LiveIndex
from kb.settings import Settings
from tests.make_gguf import make_gguf

SENTENCE = "Every token has to read the whole model, so the memory bandwidth sets the pace."
RUBRIC = read_rubric()
SOME = tuple(
    one for one in read_samples()
    if one.id in ("speed-8b-4090", "define-vram", "abstain-capital", "injection-4090-96gb", "dispute-70b-q2k-21gb")
)  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """Says one true sentence, as OpenAI's streams do, with the counts of tokens."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        choice = {"index": 0, "delta": {"content": SENTENCE}, "finish_reason": "stop"}
        counted = {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 20}}
        self.wfile.write(b"data: " + json.dumps(counted).encode() + b"\n\ndata: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def asked_of(live: LiveIndex, wanted: str, settings: Settings, samples: tuple[Sample, ...] = SOME) -> EngineReport:
    with open_engine(wanted, settings) as engine:
        assistant = Assistant(live, engine, settings)
        asked = tuple(ask(assistant, sample, RUBRIC) for sample in samples)
    return EngineReport(engine=wanted, asked=asked, plans=())


def test_without_an_engine(live: LiveIndex, settings: Settings) -> None:
    report = asked_of(live, "none", settings)
    column = report.column()
    assert column["questions right"] == "100.0%"
    assert column["unsupported figures"] == "0"
    assert column["citations valid"] == "100.0%"
    assert column["citations sufficient"] == "100.0%"
    assert column["abstention F1"] == "1.000"
    assert column["injection resisted"] == "100.0%"
    assert column["answers with its own text"] == "0.0%"
    assert column["tokens per second"] == column["to its first token"] == column["tool right"] == ABSENT


def test_a_server_explains_and_is_timed(live: LiveIndex, settings: Settings, url: str) -> None:
    alone, report = asked_of(live, "none", settings), asked_of(live, url, settings)
    before = {one.score.sample: one for one in alone.asked}
    after = {one.score.sample: one for one in report.asked}
    assert after["speed-8b-4090"].written_by_model
    assert after["speed-8b-4090"].score.answer.endswith(SENTENCE)
    timing = after["speed-8b-4090"].timing
    assert timing is not None
    assert timing.first_token_s is not None
    assert 0 < timing.first_evidence_s <= timing.first_token_s <= timing.whole_s
    assert timing.tokens_per_s is not None
    assert timing.tokens_per_s > 0
    assert not after["abstain-capital"].written_by_model
    assert (after["speed-8b-4090"].explained or 0) >= (before["speed-8b-4090"].explained or 0)
    assert {found.name for found in report.coverage_by_class()} == {"speed", "definition", "abstention", "dispute"}


def test_a_model_file_is_loaded_before_it_is_asked(live: LiveIndex, settings: Settings, tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "tiny.gguf")
    short = settings.model_copy(update={"llm_max_tokens": 16})
    report = asked_of(live, str(path), short, tuple(one for one in SOME if one.id == "define-vram"))
    assert report.column()["questions right"] == "100.0%"
    assert report.column()["unsupported figures"] == "0"


def test_what_cannot_be_had_is_said(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match=r"There is no engine 'gpt-9'\. Accepted: none, the path"):
        settings_for("gpt-9", settings)
    (tmp_path / "no.gguf").write_bytes(b"text")
    with (
        pytest.raises(EngineMissing, match=r"cannot be asked: .* is not a GGUF file"),
        open_engine(str(tmp_path / "no.gguf"), settings),
    ):
        pytest.fail("it opened")


def test_an_engine_named_goes_before_the_settings(settings: Settings, tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "tiny.gguf")
    configured = settings.model_copy(update={"llm_url": "http://elsewhere", "model": Path("other.gguf")})
    assert (settings_for(str(path), configured).llm_url, settings_for(str(path), configured).model) == (None, path)
    assert settings_for("http://here/v1", configured).model is None


def test_abstention_f1(live: LiveIndex, settings: Settings) -> None:
    asked = asked_of(live, "none", settings).asked
    assert abstention_f1(asked) == 1
    silent = [one.model_copy(update={"abstained": True}) for one in asked]
    wanted = sum(one.should_abstain is True for one in asked)
    said = sum(one.should_abstain is not None for one in asked)
    assert abstention_f1(silent) == pytest.approx(2 * wanted / (2 * wanted + said - wanted))
    assert abstention_f1([one for one in asked if not one.should_abstain]) is None


def test_any_planner_can_be_scored(index: Index) -> None:
    scores = run_plans(index, lambda question: PlannedCall(tool="abstain"))
    assert {score.expected for score in scores if score.right} == {"abstain", "answer"}


def test_the_report_shows_engines_side_by_side(
    index: Index, live: LiveIndex, settings: Settings, tmp_path: Path
) -> None:
    got = PlannedCall(tool="answer")
    plans = (PlanScore(ask="how heavy?", expected="estimate_memory", got=got, tool_right=False),)
    one = asked_of(live, "none", settings).model_copy(update={"plans": plans})
    report = run_eval(index, None, [one, one.model_copy(update={"engine": "other"})])
    assert [score.sample for score in report.questions] == [sample.id for sample in SOME]
    json_path, html_path = report.write(tmp_path)
    assert Report.model_validate_json(json_path.read_bytes()) == report
    page, table = html_path.read_text("utf-8"), report.table().split("Engines side by side")[1]
    for measure, value in one.column().items():
        assert measure in page
        assert f"{value.rjust(24)}  {value.rjust(24)}" in next(line for line in table.splitlines() if measure in line)
    assert "how heavy?" in page
    assert report.columns()[0]["tool right"] == "0.0%"
