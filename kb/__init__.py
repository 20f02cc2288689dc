"""Hardware KB: what is known about hardware for running AI models, every figure sourced or calculated.

The public face is small: ``Catalogue`` and ``tools``; the rest may move.

>>> from kb import Catalogue, tools
>>> fit = tools.TOOLS["check_fit"].call(
...     Catalogue.load(), {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090"}
... )
>>> fit.verdict
'fits'
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Catalogue", "__version__"]

if TYPE_CHECKING:
    from kb.catalogue import Catalogue


def __getattr__(name: str) -> Any:
    """``Catalogue`` when it is asked for: the process of a language model needs nothing of it."""
    if name == "Catalogue":
        from kb.catalogue import Catalogue

        return Catalogue
    raise AttributeError(f"module 'kb' has no attribute {name!r}")
