"""How llama.cpp shares a machine with what else runs on it."""

import os
from collections.abc import Mapping

import psutil


def spare_threads() -> int:
    """All physical cores that this process may use but one: threads of one computation wait for the slowest of them,
    so that a core that somebody else needs would hold them all up.

    >>> 1 <= spare_threads() <= os.cpu_count()
    True
    """
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed) - 1)


def patient(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment``, in which OpenMP threads that wait sleep instead of spinning; what it says of that itself stays.

    The library reads it once, when it is loaded. On a busy machine spinning threads take from each other the time
    that they wait for.
    """
    return {"OMP_WAIT_POLICY": "passive"} | dict(environment)
