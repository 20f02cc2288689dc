"""A tiny run of the training: the same steps as ``make model``, in seconds."""

import json
import random
from pathlib import Path

import pytest
import torch

from kb.chat.facts import Facts
from kb.search.live import Index
from kb.tools import TOOLS
from train.ask import Asker
from train.data import Sample, Writer
from train.explain import Explainer, Judge
from train.export import difference, quantize_q8_0, write_f16
from train.model import Encoded, Schedule, Shape, batches, encoded, loss_of, new_model, train
from train.score import score
from train.tokenizer import ANSWER, END, USER, train_tokenizer

SHAPE = Shape(width=64, layers=2, heads=2, feed_forward=96, vocabulary=512)


@pytest.fixture(scope="module")
def texts(index: Index) -> list[Sample]:
    writer = Writer(index, seed=7)
    return [*writer.explanations(12, 2), *writer.plans(40), *list(writer.texts())[:5]]


def test_the_same_seed_makes_the_same_texts(index: Index) -> None:
    assert list(Writer(index, 3).explanations(3, 2)) == list(Writer(index, 3).explanations(3, 2))


def test_an_explanation_says_its_facts(index: Index) -> None:
    judge, explainer, judged = Judge(), Explainer(random.Random(5)), 0
    for case in Writer(index, 5).cases(15, 3):
        for sentence in explainer.explain(case.asked, case.facts):
            assert judge.judgement(sentence, case.facts) == "right", sentence
            judged += 1
    assert judged > 60


def test_a_planned_call_is_one_that_the_tools_take(index: Index) -> None:
    asker = Asker(index, random.Random(1), invented=0.0)
    for tool in (tool for tool in asker.tools if tool in TOOLS):
        for _ in range(8):
            asked = asker.ask(tool)
            TOOLS[tool].input_model.model_validate(json.loads(asked.call)["arguments"])


def test_what_is_typed_is_copied(index: Index) -> None:
    asker = Asker(index, random.Random(2), invented=1.0)
    for _ in range(50):
        asked = asker.ask("check_fit")
        assert asked.arguments["model"] in asked.text
        assert asked.arguments["device"] in asked.text


def test_a_model_learns_and_leaves_as_gguf(index: Index, texts: list[Sample], tmp_path: Path) -> None:
    cases = list(Writer(index, seed=8).cases(1, 1))
    tokenizer = train_tokenizer((part for s in texts for part in (s.prompt, s.target)), SHAPE.vocabulary)
    assert tokenizer.encode("4090").tokens == ["4", "0", "9", "0"]
    rows = [encoded(text, tokenizer) for text in texts]
    torch.manual_seed(0)
    model = new_model(SHAPE, seed=1)
    batch = next(batches(rows, 2048, random.Random(0)))
    with torch.no_grad():
        before = loss_of(model, batch, 0.1).item()
    train(model, rows, Schedule(tokens=80_000, batch=2048, warm_up=2))
    with torch.no_grad():
        assert loss_of(model, batch, 0.1).item() < before - 0.5
    f16 = write_f16(model, tokenizer, tmp_path / "tiny-f16.gguf")
    sample = texts[0]
    text = f"{USER}{sample.prompt}{ANSWER}{sample.target}{END}"
    assert difference(model, tokenizer, f16, text) < 0.05
    q8_0 = quantize_q8_0(f16, tmp_path / "tiny-q8_0.gguf")
    assert q8_0.stat().st_size < f16.stat().st_size
    scores = score(q8_0, cases, [text for text in texts if text.kind == "plan"][:2])
    assert scores.planned == 2
    assert scores.sentences.total() == sum(scores.sentences.values())


def test_a_sentence_is_judged_by_its_case_and_values() -> None:
    facts = [Facts("fit.no", {"need": "45.2", "have": "24", "device": "Zor 9", "m": "[1]", "heavy": ""}, ("moe",))]
    explainer, judge = Explainer(random.Random(3)), Judge()
    for _ in range(20):
        for sentence in explainer.explain("does it fit?", facts):
            assert judge.judgement(sentence, facts) == "right", sentence
    missing = "Memory is what is missing here: 45.2 GB against 24 GB [1]."
    assert judge.judgement(missing, facts) == "right"
    assert judge.judgement(missing.replace("45.2", "42.5"), facts) == "wrong value"
    assert judge.judgement(
        "Prices age quickly: take the date into account and look at today's before you buy.", facts
    ) == ("other case")
    assert judge.judgement("The memory of memory is.", facts) == "broken"


def test_batches_keep_every_row_and_their_size() -> None:
    rows = [Encoded((1,) * length, 0) for length in (5, 50, 500, 30, 60, 10)]
    seen = 0
    for batch in batches(rows, 100, random.Random(0)):
        assert len(batch) == 1 or max(len(row.ids) for row in batch) * len(batch) <= 100
        seen += len(batch)
        if seen >= len(rows):
            break
    assert seen == len(rows)
