"""Language models behind one small protocol."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from kb.llm.base import Engine
from kb.llm.default_model import model_file

if TYPE_CHECKING:
    from kb.settings import Settings

logger = logging.getLogger(__name__)


def make_engine(settings: "Settings") -> Engine | None:
    """The engine that the settings ask for, or None; a server's URL goes before a file, and a file before the default:
    what ``kb model use`` chose, if anything.

    One that cannot work says why in the log, in its ``status`` and to whoever asks it, and does not raise here: the
    composed answers need no engine. What this needs is imported late, so that the model's process, whose module lies
    in this package too, starts without the server's parts.
    """
    engine = _make(settings)
    if engine and engine.status() not in ("ready", "loading"):
        logger.error(engine.status())
    return engine


def _make(settings: "Settings") -> Engine | None:
    from kb.llm.unavailable import UnavailableEngine

    if settings.llm_url:
        from kb.llm.remote import Endpoint, RemoteEngine

        endpoint = Endpoint(settings.llm_url, settings.llm_model, settings.llm_api_key)
        if problem := endpoint.problem():
            return UnavailableEngine(endpoint.name, problem)
        return RemoteEngine(endpoint, settings.llm_queue)
    file = model_file(settings.model, settings.data_dir)
    if file is not None:
        if problem := file_problem(file):
            return UnavailableEngine(f"gguf:{file.stem}", problem)
        from kb.llm.local import LocalEngine
        from kb.llm.wire import LoadModel

        model = LoadModel(str(file.absolute()), settings.llm_context, settings.llm_threads, settings.llm_gpu_layers)
        return LocalEngine(model, settings.llm_queue)
    return None


def file_problem(path: Path) -> str | None:
    """Why the file is no model, as far as its first bytes tell; llama.cpp checks the rest when it loads it."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        return f"The language model {path.name} cannot be read: {error.strerror or error}."
    if magic != b"GGUF":
        return f"The language model {path.name} is not a GGUF file: it begins with {magic!r}, not with b'GGUF'."
    return None
