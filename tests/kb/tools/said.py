"""What a tool says of a real result, as the chat shows it; and what no text may hold."""

import re
from typing import Any

from kb.catalogue import Catalogue
from kb.text import markdown
from kb.text.statements import Said
from kb.tools import TOOLS
from kb.tools.asks import Asked

NEVER = re.compile(r"\bNone\b|\ba a\b|\bthe an?\b|\b1 (?:cards|choices|models)\b|\('|\bnan\b|\{|\}|\.\.(?!\.)| ,|  ")
MOST_WORDS = 130


def said(catalogue: Catalogue, tool: str, arguments: dict[str, Any], **asked: Any) -> list[Said]:
    result = TOOLS[tool].call(catalogue, arguments)
    given = Asked(tool=tool, arguments=arguments, stated=frozenset(arguments), **asked)
    return list(TOOLS.say(tool)(result, given))


def brief(catalogue: Catalogue, tool: str, arguments: dict[str, Any], **asked: Any) -> str:
    """Checked for what is wrong in any answer: its length and its slips."""
    statements = said(catalogue, tool, arguments, **asked)
    text = markdown.brief(statements, lambda basis: 1)
    whole = f"{text}\n{markdown.details(statements, lambda basis: 1)}"
    assert not (slip := NEVER.search(whole)), f"{slip[0]!r} in {whole}"
    words = [word for word in text.split() if re.search(r"\w", word)]
    assert len(words) <= MOST_WORDS, f"{len(words)} words: {text}"
    return text


def first_sentence(text: str) -> str:
    return re.split(r"(?<=[.?!])\s|\n", text, maxsplit=1)[0]
