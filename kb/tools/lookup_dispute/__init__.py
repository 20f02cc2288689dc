"""The tool `lookup_dispute`."""
