"""A server that speaks the Hugging Face hub's protocol, as far as a pull asks it.

``GET /api/models/<repository>?blobs=true`` describes a repository; ``/<repository>/resolve/<revision>/<file>`` sends on
to the file's store, which sends ranges (huggingface_hub: ``HfApi.model_info``, ``http_get``, ``hf_raise_for_status``).
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BLOCK = 64 * 1024
REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class HubServer:
    """What it holds and how it fails; ``requests`` lists method, path and range of each request."""

    files: dict[str, dict[str, bytes]]
    """By repository and path."""
    gated: set[str] = field(default_factory=set)
    token: str | None = None
    """With it, gated repositories open."""
    drops_after: int | None = None
    """So many bytes of a file, and the connection ends; the next requests for files are answered 503."""
    sent_instead: bytes | None = None
    """Not what the checksums say."""
    ignores_ranges: bool = False
    sends_on_bytes: int = 0
    """So many more than the file has, without saying how many come."""
    drips_s: float = 0.0
    """A byte of a file, or of a description, each so many seconds, without an end."""
    described_as: tuple[str, bytes] | None = None
    """The type and the body of whatever answers in the hub's place."""
    sent_on: int = 0
    """What was taken of them."""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""

    def ranges(self) -> list[str | None]:
        """Of the requests to the store."""
        return [wanted for _, path, wanted in self.requests if path.startswith("/store/")]


@contextmanager
def hub_server(hub: HubServer) -> Iterator[HubServer]:
    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"
    broken = False

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        if model := re.fullmatch(r"/api/models/([^/]+/[^/]+)", path):
            self._describe(model[1])
        elif resolved := re.fullmatch(rf"/([^/]+/[^/]+)/resolve/{REVISION}/(.+)", path):
            self._send_on(resolved[1], resolved[2])
        elif stored := re.fullmatch(r"/store/([^/]+/[^/]+)/(.+)", path):
            self._send_file(self.hub.files[stored[1]][stored[2]])
        else:
            self._refuse(404, "EntryNotFound")

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, b"{}", {"X-Error-Code": code})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _may_see(self, repository: str) -> bool:
        if repository not in self.hub.files:
            self._refuse(401, "RepoNotFound")  # The hub does not say which repositories there are.
            return False
        if repository in self.hub.gated and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._refuse(403, "GatedRepo")
            return False
        return True

    def _describe(self, repository: str) -> None:
        if not self._may_see(repository):
            return
        if self.hub.described_as is not None:
            kind, body = self.hub.described_as
            self._answer(200, body, {"Content-Type": kind})
            return
        siblings = [
            {
                "rfilename": path,
                "size": len(content),
                "blobId": hashlib.sha1(content).hexdigest(),
                "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134},
            }
            for path, content in self.hub.files[repository].items()
        ]
        model = {"id": repository, "modelId": repository, "sha": REVISION, "siblings": siblings, "tags": []}
        self._answer(200, json.dumps(model).encode(), {"Content-Type": "application/json", "X-Repo-Commit": REVISION})

    def _send_on(self, repository: str, path: str) -> None:
        if not self._may_see(repository):
            return
        content = self.hub.files[repository].get(path)
        if content is None:
            self._refuse(404, "EntryNotFound")
            return
        linked = {
            "Location": f"/store/{repository}/{path}",
            "X-Repo-Commit": REVISION,
            "X-Linked-Size": str(len(content)),
            "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Xet-Hash": "0" * 64,  # As most files of the hub today; over plain HTTP it is nothing to us.
        }
        self._answer(302, b"", linked)

    def _send_without_end(self, body: bytes, headers: dict[str, str]) -> None:
        """Without a length: the end of the connection would be the end, and comes when the client has left."""
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(ConnectionError):
            while self.hub.drips_s:
                self.wfile.write(b"x")
                time.sleep(self.hub.drips_s)
            self.wfile.write(body)
            for _ in range(self.hub.sends_on_bytes // BLOCK):
                self.wfile.write(bytes(BLOCK))
                self.hub.sent_on += BLOCK

    def _send_file(self, content: bytes) -> None:
        if type(self).broken:
            self._refuse(503, "")
            return
        content = content if self.hub.sent_instead is None else self.hub.sent_instead
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(wanted[1]) if wanted and not self.hub.ignores_ranges else 0
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        if self.hub.sends_on_bytes or self.hub.drips_s:
            self._send_without_end(body, headers)
            return
        if self.hub.drops_after is None:
            self._answer(206 if start else 200, body, headers)
            return
        type(self).broken = True
        self.send_response(206 if start else 200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: self.hub.drops_after])
        self.close_connection = True
