"""The tool `estimate_load_time`."""
