"""What this machine is: processor, memory, and the GPUs that their makers' tools show."""

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kb.catalogue.units import GIB

ASK_SECONDS = 10
"""A driver that hangs must not hang us."""

CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Gpu:
    """``memory_gib`` is its own, or on Apple Silicon the system's."""

    name: str
    memory_gib: float
    backend: Literal["cuda", "rocm", "metal"]
    unified_memory: bool = False


@dataclass(frozen=True)
class ThisMachine:
    cpu: str
    threads: int
    memory_gib: float
    gpus: tuple[Gpu, ...]


def read_machine() -> ThisMachine:
    """By nvidia-smi, rocm-smi and system_profiler where they are; a tool that is missing or fails shows nothing."""
    apple = _profile(_said_by("system_profiler", "SPHardwareDataType", "SPDisplaysDataType", "-json"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    query = ("--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
    gpus = (
        *_nvidia_gpus(_said_by("nvidia-smi", *query)),
        *_amd_gpus(_said_by("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json")),
        *_apple_gpus(apple, memory),
    )
    return ThisMachine(_apple_chip(apple) or _cpu_name(), os.cpu_count() or 1, memory, gpus)


def _said_by(tool: str, *arguments: str) -> str:
    if shutil.which(tool) is None:
        return ""
    try:
        done = subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=ASK_SECONDS, check=True)
    except (OSError, UnicodeDecodeError, subprocess.SubprocessError):
        return ""
    return done.stdout


def _nvidia_gpus(said: str) -> Iterable[Gpu]:
    """``NVIDIA GeForce RTX 4090, 24564``; boards with unified memory (GB10) show ``[N/A]`` for the size."""
    for line in said.splitlines():
        name, comma, mib = (part.strip() for part in line.rpartition(","))
        if comma and mib.isdigit():
            yield Gpu(name, int(mib) / 1024, "cuda")
        elif comma and "N/A" in mib:
            yield Gpu(name, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, "cuda", True)


def _amd_gpus(said: str) -> Iterable[Gpu]:
    """One object per card; the name's key changed its case between ROCm 5 and 6, and warnings may come first."""
    cards = _json(said[said.find("{") :]) if "{" in said else {}
    for key, card in cards.items():
        if not key.startswith("card") or not isinstance(card, dict):
            continue
        fields = {str(name).casefold(): str(value) for name, value in card.items()}
        size = fields.get("vram total memory (b)", "")
        names = (fields.get(name, "") for name in ("card series", "market name", "card model"))
        name = next((name for name in names if name and name != "N/A" and not name.startswith("0x")), "AMD GPU")
        if size.isdigit():
            yield Gpu(name, int(size) / GIB, "rocm")


def _profile(said: str) -> dict[str, Any]:
    return _json(said) if said else {}


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _apple_chip(profile: dict[str, Any]) -> str:
    hardware = profile.get("SPHardwareDataType") or [{}]
    return str(hardware[0].get("chip_type", ""))


def _apple_gpus(profile: dict[str, Any], memory_gib: float) -> Iterable[Gpu]:
    """Of Apple Silicon: ``Apple M2 Max (38-core GPU)``. Cards of Intel Macs run no current Metal backend."""
    for display in profile.get("SPDisplaysDataType") or []:
        name, cores = str(display.get("sppci_model", "")), str(display.get("sppci_cores", ""))
        if re.fullmatch(r"Apple M\d.*", name):
            yield Gpu(f"{name} ({cores}-core GPU)" if cores.isdigit() else name, memory_gib, "metal", True)


def _cpu_name() -> str:
    said = CPUINFO.read_text("utf-8", "replace") if CPUINFO.is_file() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", said, re.M)
    return plain_cpu_name(named[1]) if named else platform.processor() or platform.machine()


def plain_cpu_name(name: str) -> str:
    """A processor's name as people say it.

    >>> plain_cpu_name("AMD Ryzen 9 9950X 16-Core Processor")
    'AMD Ryzen 9 9950X'
    >>> plain_cpu_name("13th Gen Intel(R) Core(TM) i9-13900K CPU @ 3.00GHz")
    'Intel Core i9-13900K'
    """
    plain = re.sub(r"\((?:R|TM)\)|\s@.*$", "", name, flags=re.I)
    plain = re.sub(r"^\d+th Gen\s+|\s(?:CPU|\d+-Core Processor|Processor)\s*$", "", plain.strip())
    return " ".join(plain.split())
