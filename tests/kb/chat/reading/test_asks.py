"""What a message asks for: learned from the ways to ask in the tools' folders, kept with the index."""

import shutil
import sys
from pathlib import Path

import pytest

import kb.tools
from kb.chat.answering.plan import ALSO_ASKED
from kb.chat.reading.asks import TALK, AskReader, lessons, slots
from kb.errors import InvalidKnowledge
from kb.search.build import build
from kb.search.classify import Classifier, Lesson, learn, read_classifier, write_classifier
from kb.search.embed import Embedder
from kb.search.live import Index, LiveIndex
from kb.tools import TOOLS, registry
from kb.tools.asks import read_ways
from tests.small_knowledge import write_knowledge

NAME = "books_in_context"
TOOL = """
from kb.tools.base import Arguments, Result, Tool

TOOL = Tool("books_in_context", "How many books fit in a context.", Arguments, Result, lambda _, __: Result())
"""
ASK = "asks: how many books fit in a context\n"
WAYS = """\
sample:
  - how many books fit in {context}
  - number of novels in a context of {context}
  - how many novels can it hold at once
  - can I paste a whole book into it
  - does the Bible go into {context} tokens
  - is {context} enough for one book
  - how many pages of a novel are {context} tokens
  - war and peace in {context}, possible?
  - books per context window
  - how much of a book can {model} read at once
  - would three books go into the context of {model}
  - my novel has 90,000 words, does it go in
"""
PARAPHRASES = ("how many novels go into 128k?", "could I give it an entire book", "will five books fit in model")

LESSONS = [
    Lesson(text, (ask,))
    for ask, texts in {
        "check_fit": ["does model fit on my graphics card?", "is there room for model on a graphics card?"],
        "size_power_supply": ["how strong a power supply for graphics card?", "which PSU feeds two graphics card?"],
        "out_of_scope": ["what is the weather in Paris?", "write a poem about the sea"],
    }.items()
    for text in texts
]


@pytest.fixture(scope="module")
def learned(embedder: Embedder) -> Classifier:
    return learn(LESSONS, embedder, embedder.embed)


@pytest.fixture(scope="module")
def reader(index: Index) -> AskReader:
    return AskReader(index.asks)


@pytest.mark.parametrize(
    ("text", "ask"),
    [
        ("can the model be squeezed into my graphics card", "check_fit"),
        ("what brick do I need to feed the graphics card with electricity", "size_power_supply"),
        ("will it rain in London tomorrow", "out_of_scope"),
    ],
)
def test_other_words_of_the_same_sense(learned: Classifier, text: str, ask: str) -> None:
    assert next(iter(AskReader(learned).probabilities(text))) == ask


def test_it_is_kept_as_it_was(learned: Classifier, embedder: Embedder, tmp_path: Path) -> None:
    write_classifier(tmp_path / "learned.npz", learned)
    read = AskReader(read_classifier(tmp_path / "learned.npz", embedder))
    assert read.probabilities("is there room?") == AskReader(learned).probabilities("is there room?")


def test_two_labels_are_told_apart(embedder: Embedder) -> None:
    two = learn([lesson for lesson in LESSONS if lesson.labels != ("check_fit",)], embedder, embedder.embed)
    (odds,) = two.probabilities(["which power supply for a graphics card"])
    assert two.labels == ("out_of_scope", "size_power_supply")
    assert odds[1] > 0.9 > odds[0]


def test_nothing_learned_says_nothing(embedder: Embedder, tmp_path: Path) -> None:
    write_classifier(tmp_path / "learned.npz", learn([], embedder, embedder.embed))
    assert AskReader(read_classifier(tmp_path / "learned.npz", embedder)).probabilities("is there room?") == {}


@pytest.mark.parametrize(
    ("text", "ask"),
    [
        ("is my graphics card big enough inside for model", "check_fit"),
        ("how many words a second would model write on a graphics card", "estimate_speed"),
        ("what does a year of running the graphics card add to the bill", "estimate_power_cost"),
        ("what is vram and why does everyone keep talking about it", "lookup_term"),
        ("total vram of 8x graphics card", "lookup_spec"),
        ("does the graphics card support NVLink?", "lookup_spec"),
        ("should I buy nvidia or amd stock", "out_of_scope"),
        ("how do I bake bread", "out_of_scope"),
        ("hi", "small_talk"),
        ("thank you!", "small_talk"),
        ("what can you do?", "small_talk"),
        ("where do your numbers come from?", "about_answers"),
        ("no, I meant 12GB", "follow_up"),
        ("instead?", "follow_up"),
        ("wie schnell läuft model auf meiner graphics card?", "estimate_speed"),
    ],
)
def test_the_index_knows_what_is_asked(reader: AskReader, text: str, ask: str) -> None:
    odds = reader.probabilities(text)
    assert next(iter(odds)) == ask
    assert list(odds.values()) == sorted(odds.values(), reverse=True)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("does model fit on my graphics card and how fast is it?", {"check_fit", "estimate_speed"}),
        ("how big is the kv cache of model? and what is GQA?", {"kv_cache_size", "lookup_term"}),
        ("which power supply do I need? what will it cost me per month at 0.30 per kWh?",
         {"size_power_supply", "estimate_power_cost"}),
    ],
)  # fmt: skip
def test_two_asks_of_one_message_are_both_likely(reader: AskReader, text: str, asks: set[str]) -> None:
    odds = reader.probabilities(text)
    assert set(list(odds)[:2]) == asks
    assert all(odds[ask] >= ALSO_ASKED for ask in asks)


def test_every_ask_is_learned(index: Index) -> None:
    assert set(index.asks.labels) == {*TOOLS.names(), *TALK}


def test_slots_are_known() -> None:
    unknown = [lesson.text for lesson in lessons() if "{" in lesson.text and "}" in lesson.text]
    assert not unknown
    assert {"model", "device", "two_devices", "ram"} <= {slot.means for slot in slots().values()}


@pytest.mark.parametrize("text", ["north: fits?", "north: [[1], 2]", "north: [unclosed", "[a, b]"])
def test_a_mistake_in_the_ways_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "ways.yaml").write_text(text, "utf-8")
    with pytest.raises(InvalidKnowledge, match=r"ways\.yaml"):
        read_ways(tmp_path / "ways.yaml")


def test_a_dropped_folder_is_read_after_the_next_build(
    tmp_path: Path, data_dir: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NAME).mkdir()
    for file, content in (("tool.py", TOOL), ("ask.yaml", ASK), ("ways.yaml", WAYS)):
        (tmp_path / NAME / file).write_text(content, "utf-8")
    monkeypatch.setattr(kb.tools, "__path__", [*kb.tools.__path__, str(tmp_path)])
    knowledge, data = write_knowledge(tmp_path / "knowledge"), tmp_path / "data"
    shutil.copytree(data_dir / "embeddings", data / "embeddings")
    live = LiveIndex(data, embedder)
    try:
        build(knowledge, data, embedder, lessons=LESSONS)
        before = AskReader(live.get().asks)
        build(knowledge, data, embedder, lessons=lessons(registry()))
        after = AskReader(live.follow().asks)
    finally:
        for module in (f"kb.tools.{NAME}.tool", f"kb.tools.{NAME}"):
            sys.modules.pop(module, None)
        vars(kb.tools).pop(NAME, None)
    for text in (
        "how many novels go into 128k?",
        "could I give it an entire book to read",
        "will five books fit in model",
    ):
        assert NAME not in before.probabilities(text)
        assert next(iter(after.probabilities(text))) == NAME
    assert next(iter(after.probabilities("does model fit on my graphics card?"))) == "check_fit"
