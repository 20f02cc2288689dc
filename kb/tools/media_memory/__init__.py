"""The tool `media_memory`."""
