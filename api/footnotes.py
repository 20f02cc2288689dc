"""Citations as Markdown footnotes."""

import re

from kb.chat.reply import Citation, Reply
from kb.text.wording import escaped

_MARK = re.compile(r"\[(\d{1,3})\](?!\()")


class Footnotes:
    """Turns the marks of a text, piece by piece, and lists what those that stood there mean."""

    def __init__(self) -> None:
        self.used: dict[int, None] = {}

    def marked(self, text: str) -> str:
        """
        >>> Footnotes().marked("It fits. [1][2]")
        'It fits. [^1][^2]'
        """
        self.used |= dict.fromkeys(int(number) for number in _MARK.findall(text))
        return _MARK.sub(r"[^\1]", text)

    def listed(self, reply: Reply) -> str:
        known = {citation.id: citation for citation in reply.citations}
        lines = [f"[^{number}]: {_named(known[number])}" for number in sorted(self.used) if number in known]
        asked = f"\n\n{reply.question.text}" if reply.question and reply.question.text not in reply.answer else ""
        return asked + ("\n\n" + "\n".join(lines) if lines else "")


def footnotes(reply: Reply) -> str:
    """The answer with its citations below it."""
    notes = Footnotes()
    text = notes.marked(reply.answer)
    return text + notes.listed(reply)


def _named(citation: Citation) -> str:
    """A title may be the name of somebody's file: it is text, whatever stands in it."""
    title = escaped(citation.title)
    if citation.tool:
        return f"Calculated: {title}"
    return f"{title}, {escaped(citation.section)}" if citation.section else title
