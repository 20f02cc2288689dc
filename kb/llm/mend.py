"""How to get a llama.cpp that runs on this processor."""

from pathlib import Path

CMAKE_ARGS = (Path(__file__).parent / "llama_cmake_args.txt").read_text("utf-8").strip()
"""For a library that runs on any x86-64 with AVX2, and on Arm. Makefile and Containerfile read the same file.

Compiled for the processor at hand (llama.cpp's default) it has crashed on others: on some virtual machines that show
AMX, and wherever a wheel came out of another machine's cache.
"""

_CHECKOUT = Path(__file__).resolve().parents[2] / "Makefile"


def mend() -> str:
    """What to type."""
    if _CHECKOUT.is_file():
        return "`make llama` builds one that runs"
    command = f'CMAKE_ARGS="{CMAKE_ARGS}" pip install --force-reinstall --no-deps --no-cache-dir --no-binary'
    return f"`{command} llama-cpp-python llama-cpp-python` builds one that runs"
