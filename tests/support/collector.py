"""An OpenTelemetry collector: takes what is sent over HTTP, and can be away, slow or choosy."""

import gzip
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.local_server import LocalServer


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, collector: "Collector", *arguments: Any) -> None:
        self._collector = collector
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        time.sleep(self._collector.seconds)
        status = self._collector.statuses.get(self.path, 200)
        if status == 200:
            self._collector.take(self.path, body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Collector(LocalServer):
    """Keeps the spans and the log records that arrive; a context manager.

    Args:
        statuses: path → the HTTP status that it is answered with, nothing kept; 200 by default.
        seconds: waited before each answer.
    """

    handler = _Handler

    def __init__(self, statuses: dict[str, int] | None = None, seconds: float = 0.0) -> None:
        self.statuses, self.seconds = statuses or {}, seconds
        self.spans: list[Any] = []
        self.records: list[Any] = []
        self.services: set[str] = set()
        self.bodies: list[bytes] = []
        super().__init__()
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @property
    def names(self) -> list[str]:
        """The names of all spans, sorted."""
        return sorted(span.name for span in self.spans)

    def take(self, path: str, body: bytes) -> None:
        """Keep what was sent."""
        self.bodies.append(body)
        if path == "/v1/traces":
            for each in ExportTraceServiceRequest.FromString(body).resource_spans:
                known = {a.key: a.value.string_value for a in each.resource.attributes}
                self.services.add(known["service.name"])
                self.spans.extend(span for scope in each.scope_spans for span in scope.spans)
        else:
            for of in ExportLogsServiceRequest.FromString(body).resource_logs:
                self.records.extend(r for scope in of.scope_logs for r in scope.log_records)
