"""What chat programs ask of a model beside the conversation: its title, its tags, what to ask next."""

import json
import re
from collections.abc import Callable, Iterator

from kb.chat.assistant import Assistant
from kb.chat.reply import MAX_MESSAGE, Message

_TASKS = (
    ("title", re.compile(r"\b(?:generate|create|write|provide|give|suggest)\b.{0,120}\btitle\b", re.I | re.S)),
    ("tags", re.compile(r"\bgenerate\b.{0,80}\btags\b", re.I | re.S)),
    ("follow_ups", re.compile(r"\bfollow[-_]?ups?\b", re.I)),
    ("queries", re.compile(r"\bgenerat\w+\b.{0,80}\bqueries\b", re.I | re.S)),
)
_USER = re.compile(r"[ \t]{0,8}(?:user|human)[ \t]{0,8}:", re.I)
_OTHER = re.compile(r"[ \t]{0,8}(?:assistant|ai|bot)[ \t]{0,8}:", re.I)
LEAST_WORDS = 12
"""A person who asks for a title of something writes less, and means the conversation's matter."""
MOST_TITLE_WORDS = 6


def side_task(text: str) -> Callable[[Assistant], str] | None:
    """What the last message asks for, where a program wrote it about a conversation that it quotes; None for a question
    of ours."""
    asked = list(_asked(text))
    task = text.partition("<chat_history>")[0]
    kind = next((kind for kind, way in _TASKS if way.search(task[:MAX_MESSAGE])), None)
    if not asked or kind is None or len(text.split()) < LEAST_WORDS:
        return None
    wants_json = f'"{kind}"' in text
    return lambda assistant: _done(assistant, kind, asked[-3:], wants_json)


def _asked(text: str) -> Iterator[str]:
    """What the user of a quoted conversation says."""
    said: list[str] = []
    is_users = False
    for line in (*text.partition("</chat_history>")[0].splitlines(), "assistant:"):
        if (user := _USER.match(line)) or _OTHER.match(line):
            if is_users and (whole := "\n".join(said).strip()):
                yield whole[:MAX_MESSAGE]
            is_users, said = user is not None, [line[user.end() :]] if user else []
        elif is_users:
            said.append(line)


def _done(assistant: Assistant, kind: str, asked: list[str], wants_json: bool) -> str:
    reply = assistant.answer([Message(role="user", content=text) for text in asked])
    if kind == "title":
        names = list(dict.fromkeys(name.name for name in reply.understood.names))[:2]
        title = " on ".join(names) if names else " ".join(asked[0].split()[:MOST_TITLE_WORDS]).rstrip("?.,")
        title = title[:1].upper() + title[1:]
        return json.dumps({"title": title}) if wants_json else title
    found = {"tags": ["Hardware", "Local AI"], "follow_ups": list(reply.follow_ups), "queries": []}[kind]
    return json.dumps({kind: found})
