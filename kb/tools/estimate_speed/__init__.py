"""The tool `estimate_speed`."""
