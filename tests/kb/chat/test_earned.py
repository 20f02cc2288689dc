"""A language model does what it has been tried at, and no more."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from kb.chat import examination
from kb.chat.assistant import Assistant
from kb.chat.earned import (
    EVERYTHING,
    FILE,
    LETS_PASS,
    NOTHING,
    UNTRIED,
    Earned,
    Trial,
    earned,
    keep,
    may_do,
    named,
    trials,
)
from kb.chat.examination import examine, tasks
from kb.chat.explaining.checking import certainty
from kb.chat.explaining.explanation import Explanation
from kb.chat.reply import Message, Reply
from kb.llm.base import Prompt, Run
from kb.llm.local import LocalEngine
from kb.llm.wire import LoadModel
from kb.search.live import Index, LiveIndex
from kb.settings import Settings
from kb.tools import TOOLS
from tests.kb.chat.asking import answered
from tests.make_gguf import make_gguf
from tests.tried import PASSED

FIT = "can I run a 70B on my 4090?"
OPEN = "what is the difference between VRAM and RAM?"


class Checker:
    """Writes ``text``; of a sentence it says Yes, but for those with ``doubted`` in them."""

    name = "checker"

    def __init__(self, text: str, doubted: str = "nothing at all") -> None:
        self.text, self.doubted = text, doubted
        self.prompts: list[Prompt] = []

    def write(self, prompt: Prompt, run: Run) -> Generator[str, None, None]:
        self.prompts.append(prompt)
        run.completion_tokens += 1
        if prompt.purpose == "check":
            yield "No" if self.doubted in prompt.question else "Yes"
        else:
            yield self.text

    def status(self) -> str:
        return "ready"

    def close(self) -> None:
        self.prompts.clear()


def reply_of(live: LiveIndex, settings: Settings, engine: Checker, may: Earned, text: str = FIT) -> Reply:
    return Assistant(live, engine, settings, may).answer([Message(role="user", content=text)])


@pytest.mark.parametrize("may", [NOTHING, Earned(chooses=True, explains=False)])
def test_what_was_not_earned_is_not_asked(live: LiveIndex, settings: Settings, may: Earned) -> None:
    engine = Checker("It is too large for the card [1].")
    reply = reply_of(live, settings, engine, may)
    assert engine.prompts == []
    assert reply.explanation == ""
    assert reply.engine == "composed"


def test_it_checks_its_own_sentences(live: LiveIndex, settings: Settings) -> None:
    engine = Checker("It is too large for the card [1]. The fan is too loud for that [1].", doubted="fan")
    reply = reply_of(live, settings, engine, Earned(chooses=False, explains=True, least=0.5))
    assert reply.explanation == "It is too large for the card [1]."
    assert reply.grounding.removed_sentences == 1
    assert [prompt.purpose for prompt in engine.prompts] == ["write", "check", "check"]
    assert reply.usage.completion_tokens == 3
    unchecked = reply_of(live, settings, engine, EVERYTHING)
    assert "The fan is too loud for that [1]." in unchecked.explanation


def test_the_facts_are_those_nearest_in_sense(index: Index) -> None:
    explanation = Explanation(index, answered(index, FIT))
    facts = explanation.facts("A part of the weights has to stay in system memory, which costs speed [1].")
    assert any("stay in RAM" in fact for fact in facts)
    assert len(facts) == len(set(facts)) == 5
    assert not any(f"[{number}]" in fact for fact in facts for number in range(9))


def test_what_nothing_was_calculated_for_is_answered_from_passages(index: Index) -> None:
    """With a number behind each sentence."""
    open_question = Explanation(index, answered(index, OPEN))
    prompt = open_question.prompt(100)
    assert "from the evidence alone" in prompt.system
    assert all(item.startswith("[") for item in prompt.evidence)
    text = "VRAM lies beside the processor of the card [1]. It is memory all the same. "
    assert "".join(open_question.take([text], Run(10))).strip() == "VRAM lies beside the processor of the card [1]."
    assert "already worked out" in Explanation(index, answered(index, FIT)).prompt(100).system


def test_a_trial_says_what_for() -> None:
    assert PASSED.earned == Earned(chooses=True, explains=True, least=0.0)
    assert not PASSED.model_copy(update={"chosen": 13}).earned.chooses
    assert not PASSED.model_copy(update={"passed": 2}).earned.explains
    assert PASSED.model_copy(update={"passed": 1, "kept": 20}).earned.explains
    assert not PASSED.model_copy(update={"kept": 19}).earned.explains


def test_trials_are_kept_by_model(tmp_path: Path) -> None:
    ours = Settings(data_dir=tmp_path, model=make_gguf(tmp_path / "tiny.gguf"))
    theirs = Settings(data_dir=tmp_path, llm_url="http://127.0.0.1:9/v1", llm_model="m")
    assert earned(ours) == NOTHING
    assert may_do(ours) == (UNTRIED,)
    keep(tmp_path, named(ours), PASSED)
    keep(tmp_path, named(theirs), PASSED.model_copy(update={"chosen": 3}))
    assert earned(ours).chooses
    assert not earned(theirs).chooses
    assert "no. It chose rightly in 3 of 20; 14 are needed" in may_do(theirs)[0]
    assert earned(Settings(data_dir=tmp_path)) == NOTHING
    for damaged in ("", "[]", '{"m": {"chosen": "many"}}'):
        (tmp_path / "models" / FILE).write_text(damaged)
        assert trials(tmp_path) == {}


def test_the_tasks_are_fair() -> None:
    given = tasks()
    assert all(set(question.offered) <= set(TOOLS.names()) for question in given.questions)
    assert all(question.is_ in question.offered for question in given.questions)
    first = [question.offered[0] == question.is_ for question in given.questions]
    assert sum(first) < len(first) / 2
    right = [sentence for sentence in given.sentences if sentence.follows]
    assert 0.4 < len(right) / len(given.sentences) < 0.6
    assert LETS_PASS * len(right) >= 1
    assert len({sentence.sentence for sentence in given.sentences}) == len(given.sentences)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> examination.Tasks:
    all_of_them = tasks()
    right = [sentence for sentence in all_of_them.sentences if sentence.follows][:2]
    broken = [sentence for sentence in all_of_them.sentences if not sentence.follows][:2]
    fewer = examination.Tasks(questions=all_of_them.questions[:2], sentences=(*right, *broken))
    monkeypatch.setattr(examination, "tasks", lambda: fewer)
    return fewer


@pytest.mark.usefixtures("few")
def test_a_real_model_is_tried(instruct_model: Path) -> None:
    heard: list[tuple[int, int]] = []
    with closing(LocalEngine(LoadModel(str(instruct_model), 4096, 1, 0), 4)) as engine:
        trial = examine(engine, lambda done, total: heard.append((done, total)))
        sure = certainty(engine, "A card has 24 GB.", ["A card has 24 GB."], Run(120))
    assert heard == [(number, 6) for number in range(1, 7)]
    assert (trial.questions, trial.right, trial.broken) == (2, 2, 2)
    assert trial.passed == 0
    assert 0 <= trial.chosen <= 2
    assert 0 < trial.least <= 1.01
    assert 0 <= sure <= 1
    assert Trial.model_validate_json(trial.model_dump_json()) == trial


def test_one_that_says_yes_to_all_explains_nothing() -> None:
    trial = examine(Checker("explain_speed"))
    assert trial.passed == trial.kept == 0
    assert not trial.earned.explains
    assert 0 < trial.chosen < trial.questions
