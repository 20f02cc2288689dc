"""The tool `choose_upgrade`."""
