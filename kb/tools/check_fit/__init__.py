"""The tool `check_fit`."""
