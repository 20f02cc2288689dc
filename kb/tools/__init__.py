"""The tools, in one registry: what the API, the chat and the command line call. Each is a folder beside this file."""

from importlib import import_module
from pathlib import Path

from kb.tools.base import InvalidArguments, Registry, Tool


def registry() -> Registry:
    """Every folder here that has a ``tool.py`` with a ``TOOL``, by name."""
    names = {file.parent.name for here in __path__ for file in Path(here).glob("*/tool.py")}
    return Registry(*(import_module(f"{__name__}.{name}.tool").TOOL for name in sorted(names)))


TOOLS = registry()

__all__ = ["TOOLS", "InvalidArguments", "Registry", "Tool", "registry"]
