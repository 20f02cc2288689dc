"""The tool `estimate_training_memory`."""
