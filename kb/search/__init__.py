"""What is searched: passages by words and by meaning, in an index that is built beside the live one and swapped in."""
