"""Hardware KB: what is known about hardware for running AI models, every figure sourced or calculated."""

__version__ = "0.1.0"
