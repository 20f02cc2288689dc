"""A message with what earlier ones left standing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kb.chat.reading.situation import Named, Situation


@dataclass(frozen=True)
class Turn:
    """What stands after a turn."""

    situation: Situation
    plain: str
    unknown_models: tuple[str, ...] = ()
    owned: tuple[Named, ...] = ()
    goes_on: bool = False
    fragment: bool = False
    states: frozenset[str] = frozenset()
    """The roles of what the message itself states."""
    tried: tuple[Named, ...] = ()
    """Devices of which the same was asked, one after the other."""
    habits: Mapping[str, Any] = field(default_factory=dict)
    """How models are run, told before any was named (*I take Q6 and 16k of context*): so is each that is named later."""
    met: tuple[Named, ...] = ()
    """All devices that were spoken of, the last ones first."""
