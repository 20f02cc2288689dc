"""What chat programs ask of a model beside the conversation: its title, its tags, what to ask next."""

import json
import re
from collections.abc import Callable

from kb.chat.assistant import Assistant
from kb.chat.reply import MAX_MESSAGE, Message

_TASKS = (
    (
        "title",
        re.compile(r"\b(?:generate|create|write|provide|give|suggest|come up with)\b.{0,120}\btitle\b", re.I | re.S),
    ),
    ("tags", re.compile(r"\bgenerate\b.{0,80}\btags\b", re.I | re.S)),
    ("follow_ups", re.compile(r"\bsuggest\b.{0,80}\bfollow-?ups?\b|\bfollow-?up questions\b", re.I | re.S)),
    ("queries", re.compile(r"\bgenerat\w+\b.{0,80}\b(?:search queries|queries)\b", re.I | re.S)),
)
_HISTORY = re.compile(r"<chat_history>(.*?)</chat_history>|\n(?:user|human): ?(.*)", re.I | re.S)
_SPEAKER = re.compile(r"^\s*(?:user|human)\s*:\s*", re.I | re.M)
_OTHER = re.compile(r"^\s*(?:assistant|ai|bot)\s*:", re.I | re.M)
LEAST_WORDS = 12
"""A person who asks for a title of something writes less, and means the conversation's matter."""
MOST_TITLE_WORDS = 6


def side_task(text: str) -> Callable[[Assistant], str] | None:
    """What the last message asks for, where a program wrote it about a conversation; None for a question of ours."""
    history = _HISTORY.search(text)
    if history is None or len(text.split()) < LEAST_WORDS:
        return None
    kind = next((kind for kind, way in _TASKS if way.search(text[: history.start()] or text)), None)
    if kind is None:
        return None
    said = (history[1] or history[2] or "").strip()
    wants_json = f'"{kind}"' in text
    return lambda assistant: _done(assistant, kind, said, wants_json)


def _done(assistant: Assistant, kind: str, history: str, wants_json: bool) -> str:
    asked = [_OTHER.split(part)[0].strip() for part in _SPEAKER.split(history) if part.strip()]
    messages = [Message(role="user", content=text[:MAX_MESSAGE]) for text in asked if text][-3:]
    if not messages:
        messages = [Message(role="user", content=history[:MAX_MESSAGE] or "hello")]
    reply = assistant.answer(messages)
    if kind == "title":
        names = list(dict.fromkeys(name.name for name in reply.understood.names))[:2]
        title = " on ".join(names) if names else " ".join(messages[0].content.split()[:MOST_TITLE_WORDS]).rstrip("?.,")
        title = title[:1].upper() + title[1:]
        return json.dumps({"title": title}) if wants_json else title
    found = {"tags": ["Hardware", "Local AI"], "follow_ups": list(reply.follow_ups), "queries": []}[kind]
    return json.dumps({kind: found})
