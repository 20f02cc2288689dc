"""What passages say: the best one's answer, and where more is told."""

from collections.abc import Iterator

from kb.catalogue.records import Passage
from kb.text.statements import Basis, Said, state
from kb.text.wording import first_sentences, quoted
from kb.tools.asks import Asked
from kb.tools.search_passages.tool import PassageHit, SearchAnswer

FIRST_WORDS, OTHER_WORDS, DETAIL_WORDS = 75, 35, 60
MOST_BESIDE = 2
UNSURE = 0.12
"""How likely the best must answer: of those below, judged by readers, one in ten does."""
NEAREST = "I have no answer to exactly that. The nearest that I know: {text}"
SURE = 0.6
"""From here on the best one is told alone."""
ALSO = 0.12
"""How likely the next ones must answer to be told beside one that is unsure: of 384 questions whose passages readers
judged, the best one answers 41 of 100, one of these three 49."""


def say(result: SearchAnswer, asked: Asked) -> Iterator[Said]:
    """Nothing, where nothing is near enough: the chat says then that it does not know."""
    if not result.near:
        return
    unsure = (result.hits[0].answers or 0.0) < SURE if result.hits else False
    for number, hit in enumerate(result.hits):
        basis = _basis(hit)
        if hit.users_own:
            quote = quoted(hit.text, FIRST_WORDS)
            yield state(
                "quote", "Your document {name} says: {quote}", basis, name=quoted(hit.source_title), quote=quote
            )
        elif number == 0:
            text = "{text}" if (hit.answers or 0.0) >= UNSURE else NEAREST
            yield state("answer", text, basis, text=headed(hit, FIRST_WORDS))
        elif number <= MOST_BESIDE and unsure and (hit.answers or 0.0) >= ALSO:
            yield state("next", "{text}", basis, text=headed(hit, OTHER_WORDS))
        else:
            text = first_sentences(hit.text, DETAIL_WORDS)
            yield state("detail", "{title}: {text}", basis, title=hit.title.rstrip(".:"), text=text)


def headed(passage: PassageHit | Passage, most_words: int) -> str:
    """The beginning of a passage; with its heading where that says the answer, as those of our own notes do."""
    text = first_sentences(passage.text, most_words)
    own = passage.passage_id.startswith("field-notes.")
    return f"**{passage.title.rstrip('.:')}.** {text}" if own else text


def _basis(hit: PassageHit) -> Basis:
    """Terms and disputes are cited as what they are."""
    kind, _, slug = hit.passage_id.partition(".")
    if kind == "term":
        return Basis("term", slug)
    return Basis("dispute", slug) if kind == "dispute" else Basis("passage", hit.passage_id)
