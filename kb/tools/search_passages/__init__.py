"""The tool `search_passages`."""
