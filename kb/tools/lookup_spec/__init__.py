"""The tool `lookup_spec`."""
