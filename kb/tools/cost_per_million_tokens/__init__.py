"""The tool `cost_per_million_tokens`."""
