"""What this machine's processor reaches: memory, arithmetic and drive, measured in a few seconds and kept."""

import os
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np
from pydantic import ValidationError

from kb.calc.device import Kernel
from kb.catalogue.records import Record
from kb.catalogue.units import GB, GIB, MIB
from kb.tools.shared.this_machine import ThisMachine

FILE = "measured.json"
READ_BYTES, READ_BY_ALL = 128 * MIB, 4096 * MIB
"""By each thread, again and again, and by all together at most: more than the caches hold."""
LARGEST_SHARE = 1 / 8
"""Of the machine's memory, that the reading takes at most."""
SECONDS = 0.5
"""Of one trial; the best of ``TRIALS`` counts, as others use the machine too."""
TRIALS = 3
SIDE = 1024
"""Of the matrices that are multiplied."""
DISK_BYTES = 256 * MIB
MB = 1e6
PEAK_SHARE = 0.8
"""Of a memory's peak rate, what plain reading reaches (STREAM's results on desktops and servers: 0.75 to 0.85)."""


class Measured(Record):
    """``cpu``, ``threads`` and ``memory_gib`` say of which machine; another one's figures are not used."""

    cpu: str
    threads: int
    memory_gib: float
    at: str
    read_gb_per_s: Mapping[int, float]
    """By the number of threads that read at once."""
    fp32_tflops: float
    """Of matrix products, all threads at work."""
    disk_read_mb_per_s: float | None
    """Of a file in the data folder; None where the system keeps it in memory."""
    kernels: tuple[Kernel, ...] = ()
    """Of llama.cpp; none where a graphics card does its work."""

    @property
    def peak_gb_per_s(self) -> float:
        """The memory's, as far as the processor can use it."""
        return round(max(self.read_gb_per_s.values()) / PEAK_SHARE, 1)


def measure(machine: ThisMachine, folder: Path) -> Measured:
    """In some ten seconds. ``folder`` takes a file of 256 MiB for that long.

    Raises ``OSError`` where nothing can be written there.
    """
    most = min(READ_BY_ALL, int(machine.memory_gib * GIB * LARGEST_SHARE))
    counts = sorted({1, *(2**power for power in range(1, 10) if 2**power < machine.threads), machine.threads})
    return Measured(
        cpu=machine.cpu,
        threads=machine.threads,
        memory_gib=round(machine.memory_gib, 1),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        read_gb_per_s={count: round(_read_bytes_per_s(count, most) / GB, 2) for count in counts},
        fp32_tflops=round(_flops() / 1e12, 4),
        disk_read_mb_per_s=_disk(folder),
    )


def keep(measured: Measured, folder: Path) -> Path:
    """Written whole or not at all."""
    path = folder / FILE
    part = path.with_suffix(".part")
    part.write_text(measured.model_dump_json(indent=1), "utf-8")
    part.replace(path)
    return path


def kept(machine: ThisMachine, folder: Path) -> Measured | None:
    """What was measured of this very machine; None where nothing was, or where another machine was measured."""
    try:
        found = Measured.model_validate_json((folder / FILE).read_text("utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
    same = (found.cpu, found.threads, found.memory_gib) == (machine.cpu, machine.threads, round(machine.memory_gib, 1))
    return found if same else None


def _read_bytes_per_s(threads: int, most: int) -> float:
    """Every thread reads memory of its own, together ``most`` bytes; NumPy lets them run at once."""
    each = min(READ_BYTES, most // threads)
    parts = [np.ones(each // 4, np.float32) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:

        def run() -> float:
            list(pool.map(lambda part: part.max(), parts))
            return float(threads * each)

        return _best(run)


def _flops() -> float:
    left = np.ones((SIDE, SIDE), np.float32)

    def run() -> float:
        np.dot(left, left)
        return 2.0 * SIDE**3

    return _best(run)


def _best(run: Callable[[], float]) -> float:
    """How much of what ``run`` counts is done per second."""
    run()
    rates = []
    for _ in range(TRIALS):
        done, start = 0.0, perf_counter()
        while (spent := perf_counter() - start) < SECONDS:
            done += run()
        rates.append(done / spent)
    return max(rates)


def _disk(folder: Path) -> float | None:
    """Of a file that is dropped from the system's cache first, where the system can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return None
    chunk = os.urandom(MIB)
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(DISK_BYTES // MIB):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        start = perf_counter()
        while file.read(MIB):
            pass
        rate = DISK_BYTES / MB / (perf_counter() - start)
    return round(rate, 1)
