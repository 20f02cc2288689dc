"""The tool `recommend_hardware`."""
