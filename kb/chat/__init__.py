"""A question to an answer: understand, gather evidence, compose, let a language model write, ground."""
