"""The tool `lookup_term`."""
