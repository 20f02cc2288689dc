"""The tool `compare_devices`."""
