"""The tool `estimate_memory`."""
