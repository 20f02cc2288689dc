"""The tool `size_power_supply`."""
