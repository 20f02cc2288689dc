"""The tool `max_context`."""
