"""Running text, whatever it is about."""
