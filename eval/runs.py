"""Runs that other people published, against what is estimated of them: ``python -m eval.runs``.

Nothing here was fitted on them, but where ``eval/calibrate.py`` says so. They are to be read by group: each is one
run of one build, and a total says little.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import TypeAdapter

from kb.calc.results import Fit, Range
from kb.catalogue import Catalogue
from kb.catalogue.files import read_mapping
from kb.catalogue.records import Record
from kb.catalogue.units import GB, MIB
from kb.tools import TOOLS

FOLDER = Path(__file__).with_name("runs")
MEMORY = ("kv_cache", "compute", "weights")


class Run(Record):
    """How it was set up, and what came out. Speeds in tokens per second; ``prefill`` by the prompt's tokens."""

    id: str
    group: str
    arguments: Mapping[str, Any]
    decode: float | None = None
    prefill: Mapping[int, float] = {}
    """Of a prompt with nothing before it."""
    prefill_at_depth: Mapping[int, float] = {}
    """Of one behind ``context`` tokens."""
    gguf_gib: float | None = None
    kv_cache_mib: float | None = None
    compute_mib: float | None = None
    weights_mib: float | None = None


class Compared(Record):
    """One figure of a run."""

    run: str
    group: str
    what: str
    measured: float
    estimated: float
    low: float | None = None
    high: float | None = None

    @property
    def error(self) -> float:
        return self.estimated / self.measured - 1

    @property
    def in_range(self) -> bool:
        return (self.low or 0.0) <= self.measured <= (self.high or float("inf"))


def runs(folder: Path = FOLDER) -> tuple[Run, ...]:
    form = TypeAdapter(Run)
    return tuple(
        form.validate_python({"id": name, **run})
        for path in sorted(folder.glob("*.yaml"))
        for name, run in read_mapping(path).items()
    )


def compare(catalogue: Catalogue, run: Run) -> Iterator[Compared]:
    speed = partial(_tool, catalogue, "estimate_speed", run)
    if run.decode is not None:
        yield _within(run, "decode", run.decode, speed().decode_tokens_per_s)
    for tokens, measured in run.prefill.items():
        found = speed(context=tokens, prompt_tokens=tokens).prefill_tokens_per_s
        yield _within(run, f"prefill {tokens}", measured, found)
    for tokens, measured in run.prefill_at_depth.items():
        context = run.arguments["context"] + tokens
        found = speed(context=context, prompt_tokens=tokens).prefill_tokens_per_s
        yield _within(run, f"prefill {tokens} deep", measured, found)
    if any(getattr(run, f"{part}_mib") for part in MEMORY):
        yield from _memory(run, _tool(catalogue, "check_fit", run))


def _tool(catalogue: Catalogue, name: str, run: Run, **more: Any) -> Any:
    return TOOLS[name].call(catalogue, {**run.arguments, **more})


def _within(run: Run, what: str, measured: float, found: Range) -> Compared:
    return Compared(
        run=run.id, group=run.group, what=what, measured=measured,
        estimated=found.typical, low=found.low, high=found.high,
    )  # fmt: skip


def _memory(run: Run, fit: Fit) -> Iterator[Compared]:
    """What the devices hold, as the program that ran logs it."""
    held = fit.per_device
    found = {
        "kv_cache": sum(one.kv_cache_gb for one in held),
        "compute": max(one.compute_buffer_gb for one in held),
        "weights": sum(one.weights_gb for one in held),
    }
    for part, gb in found.items():
        measured = getattr(run, f"{part}_mib")
        if measured is not None:
            mib = gb * GB / MIB
            yield Compared(run=run.id, group=run.group, what=part, measured=measured, estimated=mib)


def summary(found: Sequence[Compared]) -> str:
    errors = [abs(one.error) for one in found]
    close = sum(error <= 0.25 for error in errors) / len(errors)
    ranged = [one for one in found if one.high is not None]
    inside = f", {sum(one.in_range for one in ranged) / len(ranged):.0%} in range" if ranged else ""
    return f"{len(found)} figures, median error {median(errors):.1%}, {close:.0%} within a quarter{inside}"


def main(arguments: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(prog="eval.runs", description=__doc__).parse_args(arguments)
    catalogue = Catalogue.load()
    found = [one for run in runs() for one in compare(catalogue, run)]
    for one in found:
        mark = "" if one.in_range else "  out of range"
        print(f"{one.run:36} {one.what:18} {one.measured:10.1f} {one.estimated:10.1f} {one.error:+8.0%}{mark}")
    for kind in ("decode", "prefill", *MEMORY):
        of_kind = [one for one in found if one.what.startswith(kind)]
        print(f"\n{kind}: {summary(of_kind)}")
        for group in dict.fromkeys(one.group for one in of_kind):
            print(f"  {group}: {summary([one for one in of_kind if one.group == group])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
