"""Each mistake that an editor makes is answered with the file, the key and the mend."""

from pathlib import Path

import pytest

from kb.catalogue.load import Knowledge, load
from kb.errors import InvalidKnowledge
from tests.small_knowledge import FILES, write_knowledge

SOURCES, VRAM = "glossary/sources/sources.yaml", "glossary/terms/vram.md"
CARDS, DISPUTES = "glossary/specs/accelerators/cards.yaml", "glossary/disputes/disputes.yaml"
PASSAGES = "corpus/card-guide/01-memory.md"


def problems(root: Path, changed: dict[str, str | None]) -> tuple[str, ...]:
    write_knowledge(root, changed)
    with pytest.raises(InvalidKnowledge) as caught:
        load(root)
    return caught.value.problems


def edited(name: str, old: str, new: str) -> dict[str, str | None]:
    assert old in FILES[name]
    return {name: FILES[name].replace(old, new, 1)}


MISTAKES: dict[str, tuple[dict[str, str | None], tuple[str, ...]]] = {
    "unknown key of a spec": (
        edited(CARDS, "tdp_w: 300", "tpd_w: 300"),
        (CARDS, "zeta-100", "facts[0].tpd_w", "did you mean tdp_w"),
    ),
    "unknown key of a term": (
        edited(VRAM, "alt_labels:", "alt_label:"),
        (VRAM, "alt_label", "did you mean alt_labels"),
    ),
    "unknown key of a source": (
        edited(SOURCES, "publisher: The maker", "publishr: The maker"),
        (SOURCES, "card-datasheet", "did you mean publisher"),
    ),
    "unknown key of a dispute": (
        edited(DISPUTES, "ruling:", "verdict:"),
        (DISPUTES, "zeta-100-power", "ruling", "Field required"),
    ),
    "unknown key of a passage": (
        edited(PASSAGES, "section: Memory", "section: Memory\npage: 3"),
        (PASSAGES, "page", "accepted: source, section"),
    ),
    "a source that is not there": (
        edited(CARDS, "sources: [card-datasheet]", "sources: [card-datashet]"),
        (CARDS, "zeta-100", "sources", "did you mean card-datasheet"),
    ),
    "a source of a price that is not there": (
        edited(CARDS, "card-guide#Prices", "card-gide#Prices"),
        (CARDS, "zeta-100", "sources", "did you mean card-guide"),
    ),
    "a claim by a source that is not there": (
        edited(DISPUTES, "source: card-guide", "source: a-friend"),
        (DISPUTES, "zeta-100-power", "'a-friend' does not exist", "add it or remove it"),
    ),
    "a broader term that is not there": (
        edited(VRAM, "broader: [memory]", "broader: [memry]"),
        (VRAM, "broader", "did you mean memory"),
    ),
    "a link to a term that is not there": (
        edited(VRAM, "(memory)", "(memories)"),
        (VRAM, "link", "'memories' does not exist"),
    ),
    "a term related to itself": (
        edited(VRAM, "broader: [memory]", "related: [vram]"),
        (VRAM, "related", "cannot be related to itself"),
    ),
    "a dispute about a record that is not there": (
        edited(DISPUTES, "accelerators/zeta-100#tdp_w", "accelerators/zeta-1000#tdp_w"),
        (DISPUTES, "about", "did you mean zeta-100"),
    ),
    "a dispute about a figure that is not there": (
        edited(DISPUTES, "#tdp_w", "#tdp_watts"),
        (DISPUTES, "about", "tdp_watts", "did you mean tdp_w"),
    ),
    "a dispute about a kind that is not there": (
        edited(DISPUTES, "terms/vram", "words/vram"),
        (DISPUTES, "about", "words/vram", "accepted: terms, accelerators"),
    ),
    "an alias of two terms": (
        edited(VRAM, "graphics memory", "MEMORY"),
        ("glossary/terms/vram.md", "glossary/terms/memory.md", "alt_labels", "give it to one"),
    ),
    "an alias of two specs": (
        edited(CARDS, "aliases: [z100]", "aliases: [zeta-200]"),
        (CARDS, "aliases", "zeta-100", "zeta-200", "ambiguous_aliases"),
    ),
    "an ambiguous alias of one spec": (
        edited(CARDS, "aliases: [z100]", "ambiguous_aliases: [z100]"),
        (CARDS, "zeta-100", "ambiguous_aliases", "make it an alias"),
    ),
    "facts that contradict one another": (
        edited(CARDS, "      tdp_w: 300\n", "      tdp_w: 300\n    - sources: [card-guide#Power]\n      tdp_w: 350\n"),
        (CARDS, "zeta-100: facts[1].tdp_w", "350 contradicts 300", "glossary/disputes"),
    ),
    "a key written twice": (
        edited(CARDS, "      tdp_w: 300\n", "      tdp_w: 300\n      tdp_w: 350\n"),
        (CARDS, "tdp_w: written twice", "line", "keep one"),
    ),
    "a key written twice in a front matter": (
        edited(VRAM, "level: newcomer", "level: newcomer\nlevel: expert"),
        (VRAM, "level: written twice", "keep one"),
    ),
    "a slug written in two files": (
        {"glossary/sources/more.yaml": "card-guide: {title: Another, publisher: Someone, kind: document}\n"},
        ("glossary/sources/sources.yaml: card-guide", "already defined in glossary/sources/more.yaml", "rename"),
    ),
    "a sum that does not hold": (
        edited(DISPUTES, "300 + 50 = 350", "300 + 50 = 360"),
        (DISPUTES, "zeta-100-power: arithmetic", "does not hold", "the left side is 350"),
    ),
    "a sum that is not arithmetic": (
        edited(DISPUTES, "300 + 50 = 350", "__import__('os') = 350"),
        (DISPUTES, "arithmetic", "only numbers and"),
    ),
    "a sum that is no equation": (
        edited(DISPUTES, "300 + 50 = 350", "300 + 50"),
        (DISPUTES, "arithmetic", "not of the form 'expression = number'"),
    ),
    "a sum that divides by zero": (
        edited(DISPUTES, "300 + 50 = 350", "300 / 0 = 350"),
        (DISPUTES, "arithmetic", "division by zero"),
    ),
    "a sum beyond all numbers": (
        edited(DISPUTES, "300 + 50 = 350", "9.0 ** 9 ** 9 = 350"),
        (DISPUTES, "arithmetic"),
    ),
    "a block of facts without a source": (
        edited(CARDS, "    - sources: [card-datasheet]\n      memory_gib: 24", "    - memory_gib: 24"),
        (CARDS, "zeta-100: facts[0]", "has no sources", "sources: [source-id#Section]"),
    ),
    "a figure outside the facts": (
        edited(CARDS, "  facts:\n", "  boost_clock_mhz: 2500\n  facts:\n"),
        (CARDS, "zeta-100: boost_clock_mhz", "`facts`", "sources"),
    ),
    "a figure outside the facts and within": (
        edited(CARDS, "  facts:\n", "  tdp_w: 300\n  facts:\n"),
        (CARDS, "zeta-100: tdp_w", "`facts`", "sources"),
    ),
    "facts that are no list": (
        edited(CARDS, "  facts:\n    - sources: [card-datasheet]\n", "  facts:\n      sources: [card-datasheet]\n"),
        (CARDS, "zeta-100: facts", "must be a list of blocks"),
    ),
    "a figure of the wrong type": (
        edited(CARDS, "tdp_w: 300", "tdp_w: a lot"),
        (CARDS, "zeta-100: tdp_w", "valid number"),
    ),
    "a price without a date": (
        edited(CARDS, " as_of: 2026-04,", ""),
        (CARDS, "zeta-100: prices.0.as_of", "Field required"),
    ),
    "a price with its ends reversed": (
        edited(CARDS, "amount: 999", "amount: [1200, 999]"),
        (CARDS, "zeta-100: prices.0", "write the lower price first"),
    ),
    "a figure of a term without a source": (
        edited(VRAM, "sources: [card", "figures:\n- {label: largest, value: 48, unit: GiB}\nsources: [card"),
        (VRAM, "figures.0.sources", "Field required"),
    ),
    "no front matter": (
        {VRAM: FILES[VRAM].split("---\n")[2]},
        (VRAM, "front matter", "---"),
    ),
    "a front matter that is no YAML": (
        edited(VRAM, "alt_labels: [video", "alt_labels: [[video"),
        (VRAM, "front matter is not readable"),
    ),
    "a front matter that is a list": (
        {VRAM: "---\n- pref_label\n---\nVRAM is memory.\n"},
        (VRAM, "front matter", "mapping"),
    ),
    "a date that is none": (
        edited(VRAM, "topic:", "figures:\n- {label: a, value: 1, as_of: yesterday, sources: [card-guide]}\ntopic:"),
        (VRAM, "figures.0.as_of", "match pattern"),
    ),
    "an unknown heading": (
        edited(VRAM, "## In practice", "## In praxis"),
        (VRAM, "## In praxis", "accepted: ## In practice, ## Pitfalls"),
    ),
    "a term without its pitfalls": (
        edited(VRAM, "## Pitfalls\n\nTwo cards do not make one pool of memory without software that splits.\n", ""),
        (VRAM, "pitfalls", "at least 20 characters"),
    ),
    "a passage without text": (
        edited(PASSAGES, "A card computes many simple things at once, which is what a neural network asks for.\n", ""),
        (PASSAGES, "What a card is for", "is empty"),
    ),
    "a passage without a title": (
        edited(PASSAGES, "## Why memory decides\n\n", ""),
        (PASSAGES, "every passage needs a title"),
    ),
    "two passages of one title": (
        edited(PASSAGES, "## What a card is for", "## Why memory decides"),
        (PASSAGES, "Why memory decides", "rename one"),
    ),
    "a passage of another source than its folder": (
        edited(PASSAGES, "source: card-guide", "source: card-datasheet"),
        (PASSAGES, "source", "must be the folder's name, 'card-guide'"),
    ),
    "a passage whose folder is no source": (
        {"corpus/a-blog/01-post.md": "---\nsource: a-blog\nsection: Post\n---\n## One\n\nText.\n"},
        ("corpus/a-blog/01-post.md", "sources", "'a-blog' does not exist"),
    ),
    "a folder that is no kind of spec": (
        {"glossary/specs/toasters/one.yaml": "acme: {name: Acme}\n"},
        ("glossary/specs/toasters", "no such kind of spec", "accelerators"),
    ),
    "YAML that is broken": ({CARDS: "zeta-100: {name: [\n"}, (CARDS, "not readable as YAML")),
    "YAML with a list for a key": ({CARDS: "[a, b]: {name: x}\n"}, (CARDS, "not readable as YAML")),
    "YAML that is a list": ({CARDS: "- zeta-100\n"}, (CARDS, "must be a mapping of slugs to records")),
    "a record that is text": ({CARDS: "zeta-100: a card\n"}, (CARDS, "zeta-100", "must be a mapping of keys")),
    "a slug with capitals": ({CARDS: FILES[CARDS].replace("zeta-200:", "Zeta_200!:")}, (CARDS, "Zeta_200!", "slug")),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_names_file_key_and_mend(mistake: str, tmp_path: Path) -> None:
    changed, expected = MISTAKES[mistake]
    found = problems(tmp_path, changed)
    assert any(all(part in problem for part in expected) for problem in found), "\n".join(found)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    write_knowledge(tmp_path)
    (tmp_path / VRAM).write_bytes(b"---\npref_label: caf\xe9\n---\n")
    (tmp_path / CARDS).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidKnowledge) as caught:
        load(tmp_path)
    assert {problem.partition(":")[0] for problem in caught.value.problems} >= {VRAM, CARDS}


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        edited(VRAM, "broader: [memory]", "broader: [memry]")
        | edited(DISPUTES, "300 + 50 = 350", "300 + 50 = 360")
        | {CARDS: FILES[CARDS].replace("tdp_w", "tpd_w").replace("memory_gib: 48", "memory_gib: much")}
        | edited(SOURCES, "kind: datasheet", "kind: rumour"),
    )
    for expected in ("memry", "the left side is 350", "tpd_w", "zeta-200: memory_gib", "card-datasheet: kind"):
        assert any(expected in problem for problem in found), expected
    with pytest.raises(InvalidKnowledge) as caught:
        load(tmp_path)
    assert str(caught.value).splitlines() == [line for problem in found for line in problem.splitlines()]


def test_missing_folders_are_empty(tmp_path: Path) -> None:
    (tmp_path / "glossary").mkdir()
    known = load(tmp_path)
    assert not known.terms
    assert not any(known.specs.values())


@pytest.fixture
def small(tmp_path: Path) -> Knowledge:
    return load(write_knowledge(tmp_path))


def test_sources_of_a_figure_come_from_its_block(small: Knowledge) -> None:
    card = small.specs["accelerators"]["zeta-100"]
    figures = dict(card.figures())
    assert {key: figure.value for key, figure in figures.items()} == {
        "memory_gib": 24.0, "memory_bandwidth_gb_per_s": 1000.0, "tdp_w": 300.0,
    }  # fmt: skip
    assert [(ref.source, ref.section) for ref in figures["tdp_w"].sources] == [("card-datasheet", "")]
    assert [ref.source for ref in card.sources] == ["card-datasheet", "card-guide"]
    assert (card.prices[0].as_of, card.prices[0].sources[0].section) == ("2026-04", "Prices")


def test_agreeing_blocks_share_a_figure(tmp_path: Path) -> None:
    more = "      tdp_w: 300\n    - sources: [card-guide#Power]\n      tdp_w: 300\n"
    known = load(write_knowledge(tmp_path, edited(CARDS, "      tdp_w: 300\n", more)))
    figure = dict(known.specs["accelerators"]["zeta-100"].figures())["tdp_w"]
    assert [ref.source for ref in figure.sources] == ["card-datasheet", "card-guide"]


def test_term_is_split_at_its_headings(small: Knowledge) -> None:
    vram = small.terms["vram"]
    assert vram.definition.startswith("VRAM is the memory")
    assert vram.in_practice == "A model runs fast only as far as its weights fit in there."
    assert vram.pitfalls.startswith("Two cards")


def test_passage_per_heading(small: Knowledge) -> None:
    assert list(small.passages) == [
        "card-guide.01-memory.why-memory-decides",
        "card-guide.01-memory.what-a-card-is-for",
    ]
    first = small.passages["card-guide.01-memory.why-memory-decides"]
    assert first.heading_path == "Memory › Why memory decides"


def test_dates_stay_text(small: Knowledge) -> None:
    assert small.sources["card-guide"].published == "2026-04"
