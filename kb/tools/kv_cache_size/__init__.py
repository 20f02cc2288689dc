"""The tool `kv_cache_size`."""
