"""The tool `estimate_power_cost`."""
