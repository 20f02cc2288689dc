"""The tool `rent_or_buy`."""
