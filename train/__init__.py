"""How the built-in language model is made: ``make model``. Nothing of the server imports this package."""
