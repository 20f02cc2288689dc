"""Pure calculators: figures in, figures out, with the formula they used."""
