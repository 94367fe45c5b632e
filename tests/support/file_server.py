"""A server of files that can go on where it was cut, and misbehaves on demand."""

from http.server import BaseHTTPRequestHandler
from typing import Any

from support.local_server import LocalServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, site: "FileServer", *args: Any) -> None:
        self._site = site
        super().__init__(*args)

    def do_HEAD(self) -> None:
        self._answer(whole=False)

    def do_GET(self) -> None:
        self._answer(whole=True)

    def _answer(self, *, whole: bool) -> None:
        path, span = self.path.partition("?")[0], self.headers.get("Range")
        self._site.asked.append((self.command, path, span))
        content = self._site.files.get(path)
        if content is None:
            self._send(404, b"", {})
            return
        more = dict(self._site.headers.get(path, {}))
        if not span or not self._site.ranges:
            self._send(200, content, more, whole=whole)
            return
        start = int(span.removeprefix("bytes=").partition("-")[0])
        if start >= len(content):
            self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        more["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206, content[start:], more, whole=whole)

    def _send(self, status: int, body: bytes, more: dict[str, str], *, whole: bool = True) -> None:
        self.send_response(status)
        for name, value in {**more, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        cut = self._site.cuts.pop(0) if self._site.cuts and whole and status < 300 else None
        if whole:
            self.wfile.write(body[:cut])
        self.close_connection = cut is not None

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class FileServer(LocalServer):
    """Serves `files` by path from threads of this process; a context manager.

    Args:
        files: path, with its slash → content.
        cuts: how many bytes each answer in turn sends before it closes the connection; all of
            them for none, and once these are used up.
        ranges: whether it can go on from a given byte.
        headers: path → further headers.
    """

    handler = _Handler

    def __init__(
        self,
        files: dict[str, bytes],
        *,
        cuts: tuple[int | None, ...] = (),
        ranges: bool = True,
        headers: dict[str, dict[str, str]] | None = None,
    ) -> None:
        self.files, self.ranges, self.headers = files, ranges, headers or {}
        self.cuts = list(cuts)
        self.asked: list[tuple[str, str, str | None]] = []
        super().__init__()
