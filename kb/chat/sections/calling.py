"""Results of tools that no intent stands for: they tell their own sum."""

from kb.chat.evidence import Desk, Section


def called(desk: Desk) -> list[Section]:
    sections = []
    for name, arguments in desk.question.calls:
        result, mark = desk.call(name, **arguments)
        sections.append(
            Section(
                f"**{name.replace('_', ' ').capitalize()}**: {result.formula} {mark}",
                [f"{warning} {mark}" for warning in getattr(result, "warnings", ())],
                [*getattr(result, "assumptions", ())],
            )
        )
    return sections
