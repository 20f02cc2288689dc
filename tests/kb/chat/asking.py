"""A conversation, read and answered without a language model."""

from kb.chat.answering.answer import Answer, answer
from kb.chat.reading.asks import AskReader
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.chat.reading.situation import Situation
from kb.search.live import Index


def understood(index: Index, *turns: str) -> Situation:
    return read(turns, index.names, AskReader(index.asks), RoleReader(index.roles))


def answered(index: Index, *turns: str) -> Answer:
    return answer(index, understood(index, *turns))
