"""The tool `estimate_transfer_time`."""
