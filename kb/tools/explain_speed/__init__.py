"""The tool `explain_speed`."""
