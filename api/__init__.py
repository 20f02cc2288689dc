"""The HTTP face: thin Litestar handlers over :mod:`kb`. Nothing is known or calculated here."""
