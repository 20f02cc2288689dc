"""What the shell completes: names as ``kb`` knows them, read off the files' own keys. Loading the catalogue would make
the Tab key wait."""

import re
from collections.abc import Iterator
from pathlib import Path

from kb.settings import settings

_KEY = re.compile(r"^[\"']?([a-z0-9][\w.-]*)[\"']?:", re.M)
DEVICES = ("accelerators", "machines", "cpus")


def models(incomplete: str) -> list[str]:
    return _specs(incomplete, "models")


def devices(incomplete: str) -> list[str]:
    return _specs(incomplete, *DEVICES)


def quantizations(incomplete: str) -> list[str]:
    return _specs(incomplete, "quantizations")


def terms(incomplete: str) -> list[str]:
    files = (settings().knowledge_dir / "glossary" / "terms").rglob("*.md")
    return _starting(incomplete, (file.stem for file in files))


def tools(incomplete: str) -> list[str]:
    files = (Path(__file__).parent.parent / "tools").glob("*/tool.py")
    return _starting(incomplete, (file.parent.name for file in files))


def _specs(incomplete: str, *kinds: str) -> list[str]:
    specs = settings().knowledge_dir / "glossary" / "specs"
    files = (file for kind in kinds for file in (specs / kind).rglob("*.yaml"))
    return _starting(incomplete, (key for file in files for key in _KEY.findall(file.read_text("utf-8"))))


def _starting(incomplete: str, names: Iterator[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete.lower())})
