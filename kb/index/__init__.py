"""The built index as a whole: made beside the live one, swapped in at once, opened and reopened."""
