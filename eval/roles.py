"""How well roles of figures are told in a voice that nothing was learned of: each of ``roles.yaml`` left out in turn.

``python -m eval.roles`` prints precision, recall and F1 of each role."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kb.catalogue.load import load
from kb.catalogue.names import Names
from kb.chat.reading.role_lessons import marked, of_message, of_templates
from kb.chat.reading.roles import CLEAR, NONE, after_role
from kb.search.tags import Tagged, learn_tags
from kb.settings import settings


@dataclass(frozen=True)
class RoleScore:
    right: int
    found: int
    meant: int

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, self.found + self.meant)


def scores(pairs: Iterable[tuple[str, str]]) -> dict[str, RoleScore]:
    """Of each role, and of ``all`` together; a pair is what was meant and what was found."""
    right, found, meant = Counter[str](), Counter[str](), Counter[str]()
    for was_meant, was_found in pairs:
        for role in ("all", was_meant) if was_meant != NONE else ():
            meant[role] += 1
            right[role] += was_meant == was_found
        for role in ("all", was_found) if was_found != NONE else ():
            found[role] += 1
    return {role: RoleScore(right[role], found[role], meant[role]) for role in sorted(meant)}


def left_out(voice: str, names: Names) -> Iterator[tuple[str, str]]:
    """Of each figure of a voice, its role and the one that is read by what the others teach."""
    taught: list[Tagged] = list(of_templates())
    for other, messages in marked().items():
        taught += [lesson for text in messages for lesson in of_message(text, names) if other != voice]
    learned = learn_tags(taught)
    for text in marked()[voice]:
        before = ""
        for lesson in of_message(text, names):
            known = {feature for feature in lesson.features if not feature.startswith(after_role(""))}
            before, lead = learned.tag({*known, after_role(before)}, lesson.kind)
            yield lesson.tag, before if lead >= CLEAR else NONE


def main() -> None:
    names = Names(load(settings().knowledge_dir))
    pairs = [pair for voice in marked() for pair in left_out(voice, names)]
    print(f"{'role':12} {'meant':>6} {'precision':>9} {'recall':>6} {'F1':>5}")
    for role, score in scores(pairs).items():
        precision, recall = score.right / max(1, score.found), score.right / max(1, score.meant)
        print(f"{role:12} {score.meant:6} {precision:9.2f} {recall:6.2f} {score.f1:5.2f}")


if __name__ == "__main__":
    main()
