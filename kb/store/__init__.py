"""The built index: SQLite through SQLAlchemy, its full-text table, and the manifest beside it."""
