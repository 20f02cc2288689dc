"""The tools, in one registry: what the API, the chat and the command line call. Each is a folder beside this file."""

from importlib import import_module
from pathlib import Path
from typing import Any

from kb.tools.base import InvalidArguments, Registry, Tool


def registry() -> Registry:
    """Every folder here that has a ``tool.py`` with a ``TOOL``, by name."""
    names = {file.parent.name for here in __path__ for file in Path(here).glob("*/tool.py")}
    return Registry(*(import_module(f"{__name__}.{name}.tool").TOOL for name in sorted(names)))


TOOLS: Registry


def __getattr__(name: str) -> Any:
    """``TOOLS`` when it is asked for: the command line shows its help, or a server's answer, without them."""
    if name == "TOOLS":
        globals()[name] = registry()
        return globals()[name]
    raise AttributeError(f"module 'kb.tools' has no attribute {name!r}")


__all__ = ["TOOLS", "InvalidArguments", "Registry", "Tool", "registry"]
