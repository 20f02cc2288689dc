"""Questions that passages answer, written beside the corpus: search finds a passage by them, answers never show them.

Expanding documents by the queries they answer lets a question find a passage with which it shares no word (Nogueira,
Yang, Lin & Cho 2019, "Document Expansion by Query Prediction"; here people wrote them).
"""

from collections.abc import Iterable
from pathlib import Path

from kb.catalogue.files import UnreadableFile, read_mapping
from kb.catalogue.records import Passage
from kb.errors import InvalidKnowledge


def with_questions(root: Path, passages: Iterable[Passage]) -> tuple[Passage, ...]:
    """The passages with what ``corpus/questions`` says of them.

    Raises :class:`InvalidKnowledge` for an id that no passage has, and for what is no list of questions.
    """
    passages = tuple(passages)
    known = {passage.passage_id for passage in passages}
    questions: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for path in sorted((root / "corpus/questions").glob("*.yaml")):
        where = path.relative_to(root).as_posix()
        try:
            entries = read_mapping(path)
        except UnreadableFile as error:
            problems.append(f"{where}: {error}")
            continue
        for passage_id, asked in entries.items():
            if passage_id not in known:
                problems.append(f"{where}: {passage_id}: no passage has this id; rename or remove it")
            elif not isinstance(asked, list) or not all(isinstance(item, str) and item.strip() for item in asked):
                problems.append(f"{where}: {passage_id}: must be a list of texts; quote those with a colon")
            else:
                questions[passage_id] = (*questions.get(passage_id, ()), *asked)
    if problems:
        raise InvalidKnowledge(problems)
    return tuple(
        passage.model_copy(update={"questions": questions.get(passage.passage_id, ())}) for passage in passages
    )
