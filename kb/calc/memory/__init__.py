"""Whether a model fits: weights, cache, buffers, runtime, and where each part goes."""
