"""The tool `compare_models`."""
