"""What the server and the process of the local model say to each other, over a pipe."""

from dataclasses import dataclass
from typing import Literal

from kb.llm.base import Prompt
from kb.llm.pace import Pace


@dataclass(frozen=True)
class LoadModel:
    """The first message to the process: which file, and how; ``threads`` 0 chooses (:mod:`kb.llm.threads`)."""

    path: str
    context: int
    threads: int
    gpu_layers: int


@dataclass(frozen=True)
class Ask:
    """``seconds`` is what is left of the request's deadline."""

    id: int
    prompt: Prompt
    seconds: float


@dataclass(frozen=True)
class Cancel:
    """Stop request ``id``, and any before it."""

    id: int


@dataclass(frozen=True)
class Log:
    """A line of llama.cpp's own log; ``level`` as :mod:`logging` counts."""

    text: str
    level: int


@dataclass(frozen=True)
class Loaded:
    """The file is loaded, and llama.cpp's first work on it, the self-test, begins."""


@dataclass(frozen=True)
class Ready:
    """The model reads and writes; ``context`` is what it and the setting both allow, in tokens."""

    context: int
    pace: Pace


@dataclass(frozen=True)
class Failed:
    """The model does not load, and would not load another time either."""

    reason: str


@dataclass(frozen=True)
class Begun:
    """Request ``id`` is begun: ``tokens`` of its prompt are to be read, the others are in the cache, and with all that
    may be written it takes ``seconds``, by the model's own estimate."""

    id: int
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Text:
    """``tokens`` so far, and their log-probability in all; of those of this text that have a digit, the lowest one."""

    id: int
    text: str
    tokens: int
    log_probability: float
    figure_log_probability: float = 0.0


@dataclass(frozen=True)
class Done:
    """Request ``id`` is over, and why; ``pace`` is the model's as it is now."""

    id: int
    prompt_tokens: int
    completion_tokens: int
    log_probability: float
    ended: Literal["finished", "cancelled", "deadline"]
    pace: Pace


@dataclass(frozen=True)
class Broke:
    """Request ``id`` cannot be answered."""

    id: int
    reason: str


@dataclass(frozen=True)
class Gone:
    """Said by the server to itself: the process died under the request."""

    reason: str


ToWorker = LoadModel | Ask | Cancel
Answer = Begun | Text | Done | Broke
FromWorker = Log | Loaded | Ready | Failed | Answer
