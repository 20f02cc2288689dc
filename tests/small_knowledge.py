"""A small glossary and corpus that load, to break on purpose and to build in a second."""

from collections.abc import Mapping
from pathlib import Path

FILES: Mapping[str, str] = {
    "glossary/sources/sources.yaml": """\
card-guide: {title: A guide to cards, publisher: A magazine, kind: document, published: 2026-04}
card-datasheet: {title: Datasheet of the card, publisher: The maker, kind: datasheet}
hardware-kb-glossary: {title: Our glossary, publisher: Hardware KB, kind: reference}
""",
    "glossary/terms/vram.md": """\
---
pref_label: VRAM
alt_labels: [video memory, graphics memory]
level: newcomer
topic: computer
broader: [memory]
sources: [card-guide#Memory]
---
VRAM is the memory on a graphics card, beside the chip that computes; see [memory](memory).

## In practice

A model runs fast only as far as its weights fit in there.

## Pitfalls

Two cards do not make one pool of memory without software that splits.
""",
    "glossary/terms/memory.md": """\
---
pref_label: Memory
level: newcomer
topic: computer
sources: [card-guide]
---
Memory holds what a processor works on at the moment, until the power goes off.

## In practice

More of it lets a larger model run on the machine.

## Pitfalls

Storage is not memory, though both are counted in gigabytes.
""",
    "glossary/specs/accelerators/cards.yaml": """\
zeta-100:
  name: Zeta 100
  aliases: [z100]
  backend: cuda
  segment: consumer
  summary: A card that exists in tests and nowhere else.
  facts:
    - sources: [card-datasheet]
      memory_gib: 24
      memory_bandwidth_gb_per_s: 1000
      tdp_w: 300
  prices:
    - {kind: list, amount: 999, currency: USD, as_of: 2026-04, sources: [card-guide#Prices]}
zeta-200:
  name: Zeta 200
  backend: cuda
  segment: consumer
  summary: The larger card, which exists in tests as well.
  facts:
    - sources: [card-datasheet]
      memory_gib: 48
""",
    "glossary/disputes/disputes.yaml": """\
zeta-100-power:
  title: "300 W or 350 W"
  kind: between-sources
  about: ["accelerators/zeta-100#tdp_w", terms/vram]
  claims:
    - {source: card-guide, section: Power, says: The card draws 350 W}
    - {source: card-datasheet, says: The card draws 300 W}
  ruling: Take 300 W, which the maker gives for the board.
  reason: The guide counts the processor beside it, and says so elsewhere.
  arithmetic: ["300 + 50 = 350"]
  sources: [card-datasheet]
""",
    "corpus/card-guide/01-memory.md": """\
---
source: card-guide
section: Memory
---
## Why memory decides

The weights of a model must be read once for every token, and so they should lie in the fastest memory.

## What a card is for

A card computes many simple things at once, which is what a neural network asks for.
""",
}


def write_knowledge(root: Path, changed: Mapping[str, str | None] | None = None) -> Path:
    """The small tree below ``root``; ``changed`` replaces files, adds them, or leaves them out (None)."""
    for name, content in {**FILES, **(changed or {})}.items():
        path = root / name
        if content is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return root
