"""The tool `plan_build`."""
