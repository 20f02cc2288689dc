"""How llama.cpp shares a machine with what else runs on it."""

import os
from collections.abc import Mapping

import psutil


def cores() -> int:
    """Physical ones that this process may use.

    >>> 1 <= cores() <= os.cpu_count()
    True
    """
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


def writing_threads(chosen: int) -> int:
    """``chosen``, or for 0 all cores but one: the threads that make a token wait for the slowest of them, so that one
    core which somebody else needs would hold them all up."""
    return chosen or max(1, cores() - 1)


def reading_threads(chosen: int) -> int:
    """``chosen``, or for 0 all cores: a prompt is read in large pieces, and even a shared core helps."""
    return chosen or cores()


def patient(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment``, in which OpenMP threads that wait sleep instead of spinning; what it says of that itself stays.

    The library reads it once, when it is loaded. On a busy machine spinning threads take from each other the time
    that they wait for.
    """
    return {"OMP_WAIT_POLICY": "passive"} | dict(environment)
