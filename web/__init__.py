"""Templates and static files of the pages, which ``api/html.py`` and ``api/pages.py`` serve; no code of ours."""
