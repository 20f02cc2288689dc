"""The operating system that a message speaks of."""

import re

from kb.catalogue.records import System

_NAMES: dict[System, re.Pattern[str]] = {
    "linux": re.compile(
        r"\blinux\b|\b[xl]?ubuntu\b|\bdebian\b|\bfedora\b|\barch linux\b|\bmint\b|\bproxmox\b|\bnixos\b|\brocky\b", re.I
    ),
    "windows": re.compile(r"(?<!context )(?<!sliding )(?<!attention )\bwindows\b|\bwin ?1[01]\b|\bpowershell\b", re.I),
    "macos": re.compile(r"\bmac ?os\b|\bos ?x\b|\bmacs?\b|\bi?mac(?:book|mini)?s?\b|\bapple silicon\b", re.I),
}  # fmt: skip
_MAC = r"i?mac(?:book)?(?: (?:pro|air|mini))?"
INTEL_MAC = re.compile(
    rf"\b(?:20[01]\d )?intel(?:[- ]based)? {_MAC}\b|\b{_MAC}(?: \d\d[\"\u2033]?)?,? (?:from )?20[01]\d\b|\b20[01]\d {_MAC}\b", re.I
)  # fmt: skip
"""By its processor or its year: Apple's own chips came at the end of 2020."""


def system_of(text: str) -> System | None:
    """The one that is named; None where none is, or several are. What runs in WSL runs on Linux.

    >>> system_of("on Windows 11 please"), system_of("windows, inside WSL2"), system_of("windows without WSL")
    ('windows', 'linux', 'windows')
    >>> system_of("linux or windows?"), system_of("a context window"), system_of("install it on my mac")
    (None, None, 'macos')
    """
    named = [system for system, words in _NAMES.items() if words.search(text)]
    if re.search(r"(?<!without )(?<!no )\bwsl", text, re.I):
        return "linux"
    return named[0] if len(named) == 1 else None
