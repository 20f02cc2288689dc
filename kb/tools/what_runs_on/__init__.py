"""The tool `what_runs_on`."""
