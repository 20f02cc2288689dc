"""The tool `start_model`."""
