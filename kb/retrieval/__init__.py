"""Finding passages: by words, by meaning, and both fused."""
