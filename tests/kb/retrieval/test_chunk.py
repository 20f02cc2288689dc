"""A document's text in pieces that the embedding model reads whole."""

from hypothesis import given
from hypothesis import strategies as st

from kb.retrieval.chunk import MAX_WORDS, chunk_markdown
from kb.retrieval.embed import Embedder


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


def test_a_chunk_fits_the_embedding_model(embedder: Embedder) -> None:
    """An English text of the longest size, with its headings, is read to its end."""
    text = "The graphics card reads all its weights for every token that the model writes, so speed follows bandwidth. "
    (chunk, *_) = chunk_markdown("# Why bandwidth decides\n" + text * 12)
    assert len(chunk.text.split()) > MAX_WORDS - 20
    whole, cut = embedder.embed([f"Why bandwidth decides\n{chunk.text}", f"Why bandwidth decides\n{chunk.text[:-60]}"])
    assert whole @ cut < 0.99999
