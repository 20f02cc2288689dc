"""The server and the browser of the API's tests, for the pages."""

from tests.api.conftest import base_url, http, serve
from tests.api.test_browser import browser

__all__ = ["base_url", "browser", "http", "serve"]
