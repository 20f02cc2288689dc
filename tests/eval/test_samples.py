import re
from pathlib import Path

import pytest
import yaml

from eval.samples import QUESTIONS, EvaluationDataInvalid, Sample, read_samples
from kb.search.live import Index
from kb.tools import TOOLS

GOOD = {"id": "a", "messages": ["what is VRAM?"], "expect": {"abstains": False}, "note": "the glossary"}


def test_there_are_a_hundred_questions_and_more() -> None:
    assert len(read_samples()) >= 100


def test_the_readme_example_is_valid() -> None:
    example = re.search(r"```yaml\n(.*?)```", (QUESTIONS / "README.md").read_text("utf-8"), re.S)
    assert example is not None
    assert [Sample.model_validate(entry).id for entry in yaml.safe_load(example[1])]


def test_what_questions_refer_to_exists(index: Index) -> None:
    known = index.known
    passages = {passage.passage_id for passage in index.searcher.passages}
    missing: list[str] = []
    for sample in read_samples():
        expect = sample.expect
        missing += [f"{sample.id}: tool {name}" for name in expect.tool_calls if name not in TOOLS]
        missing += [f"{sample.id}: dispute {slug}" for slug in expect.disputed if slug not in known.disputes]
        for cite in expect.cites:
            kind, _, slug = (cite.spec or "").partition("/")
            exists = (
                (cite.term is None or cite.term in known.terms)
                and (cite.spec is None or slug in known.specs.get(kind, {}))
                and (cite.tool is None or cite.tool in TOOLS)
                and (cite.dispute is None or cite.dispute in known.disputes)
                and (cite.source is None or cite.source in known.sources)
                and (cite.passage_id is None or cite.passage_id in passages)
            )
            missing += [] if exists else [f"{sample.id}: {cite.model_dump(exclude_none=True)}"]
    assert not missing


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"expect": {}}, "is empty"),
        ({"expect": {"cites": [{"term": "vram", "tool": "check_fit"}]}}, "exactly one of"),
        ({"expect": {"verdict": "maybe"}}, "expect.verdict"),
        ({"verdict": "fits"}, "verdict: Extra inputs"),
        ({"messages": []}, "messages"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict[str, object], named: str) -> None:
    (tmp_path / "x.yaml").write_text(yaml.safe_dump([GOOD, GOOD | change]), "utf-8")
    with pytest.raises(EvaluationDataInvalid, match=re.escape(named)) as caught:
        read_samples(tmp_path)
    assert "x.yaml, entry 2" in str(caught.value)


def test_a_repeated_id_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(yaml.safe_dump([GOOD, GOOD]), "utf-8")
    with pytest.raises(EvaluationDataInvalid, match="'a' is given more than once"):
        read_samples(tmp_path)


@pytest.mark.parametrize("text", ["{a: 1}", "- [", "just words"])
def test_a_file_that_is_no_list_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text, "utf-8")
    with pytest.raises(EvaluationDataInvalid, match=r"x\.yaml"):
        read_samples(tmp_path)
