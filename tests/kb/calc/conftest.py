"""llama.cpp's own words: what it prints while it loads, allocates and quantizes."""

import ctypes
import re
from collections.abc import Iterator

import llama_cpp
import pytest
from llama_cpp import mtmd_cpp


class Log:
    """What llama.cpp printed since it was last emptied."""

    def __init__(self) -> None:
        self.text = ""

    def mib(self, label: str) -> float:
        found = re.findall(rf"{label}(?:\s+=|:)\s+([\d.]+) MiB", self.text)
        assert found, f"llama.cpp did not report a {label}:\n{self.text[-2000:]}"
        return sum(float(figure) for figure in found)

    def cache_mib(self) -> float:
        return sum(float(figure) for figure in re.findall(r"size =\s+([\d.]+) MiB \(\s*\d+ cells", self.text))


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    kept = Log()

    @llama_cpp.llama_log_callback
    def keep(_level: int, text: bytes, _user_data: ctypes.c_void_p) -> None:
        kept.text += text.decode(errors="replace")

    llama_cpp.llama_log_set(keep, ctypes.c_void_p(0))
    mtmd_cpp.mtmd_log_set(keep, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    yield kept
    mtmd_cpp.mtmd_log_set(ctypes.cast(None, llama_cpp.llama_log_callback), ctypes.c_void_p(0))
    llama_cpp.llama_log_set(ctypes.cast(None, llama_cpp.llama_log_callback), ctypes.c_void_p(0))
