"""A document's text in pieces that the embedding model reads whole."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.chunk import MAX_CHARACTERS, MAX_HEADING, MAX_WORDS, chunk_markdown
from kb.search.embed import Embedder


def test_headings_are_a_path() -> None:
    chunks = list(chunk_markdown("before\n# A\none\n## B ##\ntwo\n### C\nthree\n## D\nfour\n# E\nfive"))
    assert [(chunk.heading_path, chunk.text) for chunk in chunks] == [
        ((), "before"), (("A",), "one"), (("A", "B"), "two"), (("A", "B", "C"), "three"), (("A", "D"), "four"),
        (("E",), "five"),
    ]  # fmt: skip


def test_skipped_and_deep_levels() -> None:
    chunks = list(chunk_markdown("#### Deep\none\n# Top\ntwo\n####### no heading\n###### Six\nthree"))
    assert [chunk.heading_path for chunk in chunks] == [("Deep",), ("Top",), ("Top", "Six")]
    assert "####### no heading" in chunks[1].text


def test_code_is_no_heading() -> None:
    (chunk,) = chunk_markdown("# Shell\n```\n# a comment\nls\n```\n")
    assert chunk.heading_path == ("Shell",)
    assert "# a comment" in chunk.text


def test_headings_alone_are_no_chunk() -> None:
    assert list(chunk_markdown("# A\n## B\n\n")) == []
    assert list(chunk_markdown("")) == []


def test_long_text_is_split_at_paragraphs_then_sentences() -> None:
    sentence = "This card has " + "a good deal of " * 10 + "memory."
    paragraph = " ".join([sentence] * 6)
    chunks = list(chunk_markdown(f"# Cards\n{paragraph}\n\nShort one.\n\n{paragraph}"))
    assert all(chunk.heading_path == ("Cards",) for chunk in chunks)
    assert all(len(chunk.text.split()) <= MAX_WORDS for chunk in chunks)
    assert all(chunk.text.endswith(".") for chunk in chunks)


@given(st.lists(st.sampled_from(["word", "end.", "\n", "\n\n", "# Head\n", "```\n", "long" * 30]), max_size=400))
def test_no_word_is_lost_or_doubled(parts: list[str]) -> None:
    text = " ".join(parts)
    chunks = list(chunk_markdown(text))
    kept = " ".join(chunk.text for chunk in chunks).split()
    assert all(len(chunk.text.split()) <= MAX_WORDS for chunk in chunks)
    assert kept.count("word") == text.split().count("word")
    assert kept.count("end.") == text.split().count("end.")


@given(st.text(st.sampled_from("aé. \n日本。」！\t\x85"), max_size=4000).map(lambda text: text * 3))
def test_whatever_the_text_passages_are_short_and_nothing_is_lost(text: str) -> None:
    chunks = list(chunk_markdown(text))
    assert all(0 < len(chunk.text) <= MAX_CHARACTERS for chunk in chunks)
    kept = "".join(chunk.text for chunk in chunks)
    for letter in "aé.日本。」！":
        assert kept.count(letter) == text.count(letter)


@given(st.text(st.sampled_from("aé. \n#日本。」！\t\x85"), max_size=4000).map(lambda text: text * 3))
def test_whatever_the_headings_nothing_is_lost_but_what_they_hold(text: str) -> None:
    chunks = list(chunk_markdown(text))
    assert all(0 < len(chunk.text) <= MAX_CHARACTERS for chunk in chunks)
    kept = "".join(chunk.text for chunk in chunks)
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    plain = "".join(lines)
    for letter in "aé日本":
        assert kept.count(letter) >= plain.count(letter)


def test_japanese_is_split_at_its_sentences() -> None:
    sentence = "この計算機は二十四ギガバイトの記憶装置を積んでいる。"
    quoted = "「動きますか？」"
    chunks = list(chunk_markdown(f"# 計算機\n{(sentence * 3 + quoted) * 40}"))
    assert all(len(chunk.text) <= MAX_WORDS * 1.1 for chunk in chunks), "a character is a word piece"
    assert all(chunk.text.endswith(("。", "」")) for chunk in chunks)
    assert not any(chunk.text.startswith("」") for chunk in chunks)
    assert sum(chunk.text.count(sentence) for chunk in chunks) == 120


def test_text_without_blanks_or_sentences_is_split_by_characters() -> None:
    assert [len(chunk.text) for chunk in chunk_markdown("x" * 3000)] == [1200, 1200, 600]
    assert max(len(chunk.text) for chunk in chunk_markdown("漢" * 3000)) == MAX_WORDS
    table = "\n".join(f"a{' ' * 300}b{number}" for number in range(20))
    assert all(len(chunk.text) <= MAX_CHARACTERS for chunk in chunk_markdown(table))


def test_a_long_heading_is_text() -> None:
    """Else it would stand in every passage below it."""
    body = "\n\n".join("word " * 100 for _ in range(50))
    chunks = list(chunk_markdown(f"# Short\n## {'long ' * 10_000}\n{body}"))
    assert {chunk.heading_path for chunk in chunks} == {("Short",)}
    assert "".join(chunk.text for chunk in chunks).count("long") == 10_000
    assert next(iter(chunk_markdown(f"# {'x' * MAX_HEADING}\nbody"))).heading_path == ("x" * MAX_HEADING,)


@pytest.mark.parametrize(
    "unit", ["a", " ", "\n", "# ", "#", "# a #", "\n ", ". ", "。", "```\n", "# a\nb\n", "a \n\n", "日"], ids=ascii
)
def test_time_grows_with_the_text(unit: str) -> None:
    def cost(characters: int) -> float:
        text = f"# {unit * (characters // len(unit))}x"
        began = time.process_time()
        for _ in chunk_markdown(text):
            pass
        return time.process_time() - began

    small = min(cost(20_000) for _ in range(3))
    assert cost(320_000) < 16 * 8 * max(small, 0.001), "16 times the text; quadratic would be 256 times the work"


def test_a_chunk_fits_the_embedding_model(embedder: Embedder) -> None:
    """An English text of the longest size, with its headings, is read to its end."""
    text = "The graphics card reads all its weights for every token that the model writes, so speed follows bandwidth. "
    (chunk, *_) = chunk_markdown("# Why bandwidth decides\n" + text * 12)
    assert len(chunk.text.split()) > MAX_WORDS - 20
    whole, cut = embedder.embed([f"Why bandwidth decides\n{chunk.text}", f"Why bandwidth decides\n{chunk.text[:-60]}"])
    assert whole @ cut < 0.99999
