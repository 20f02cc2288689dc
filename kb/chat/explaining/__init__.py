"""What a language model may add to an answer, and what holds it."""
