"""The tool `best_quantization`."""
