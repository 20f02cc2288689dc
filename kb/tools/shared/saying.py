"""What several tools say in the same way."""

from collections.abc import Iterable, Iterator

from kb.text.statements import Kind, Statement, state


def notes(kind: Kind, *groups: Iterable[str]) -> Iterator[Statement]:
    """A result's own remarks, each as a whole sentence.

    >>> next(notes("detail", ["one currency throughout"])).values["note"]
    'One currency throughout'
    """
    for text in dict.fromkeys(text for group in groups for text in group):
        yield state(kind, "{note}.", note=text[:1].upper() + text[1:].rstrip("."))
