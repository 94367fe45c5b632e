"""Sending spans to a collector by OTLP over HTTP, in a thread: the run never waits for it.

Where to, with which headers, and how patiently is OpenTelemetry's own environment: `OTEL_*`.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from reinspect.export.otel import SCHEMA, Spans
from reinspect.trace import Trace

GRACE = 5.0
"""Seconds that a run's end waits for what is still to be sent."""


class Sent(NamedTuple):
    """How many spans arrived, and why others did not."""

    made: int
    lost: int
    where: str
    why: str
    """The newest complaint of the exporter, "" where there is none."""


class Sender:
    """A sink that sends each finished trace; a context manager that sends the rest at its end.

    A collector that is away or slow costs spans, never time: what can't be sent is dropped.

    Args:
        run: name of the run.
        content: send what models were asked and answered, too.
        events: send the monitor's evaluations, as log records.
    """

    def __init__(self, run: str, *, content: bool = False, events: bool = True) -> None:
        own = version("reinspect")
        about = Resource({"service.name": "reinspect", "service.version": own})
        resource = Resource.create().merge(about).merge(OTELResourceDetector().detect())
        tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
        spans = _Exporter(OTLPSpanExporter())
        tracing.add_span_processor(BatchSpanProcessor(spans))
        self._channels: list[tuple[Any, _Exporter]] = [(tracing, spans)]
        logger = None
        if events:
            logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
            records = _Exporter(OTLPLogExporter())
            logs.add_log_record_processor(BatchLogRecordProcessor(records))
            self._channels.append((logs, records))
            logger = logs.get_logger("reinspect", own, schema_url=SCHEMA)
        tracer = tracing.get_tracer("reinspect", own, schema_url=SCHEMA)
        self._spans = Spans(tracer, logger, run=run, content=content)
        self._complaints = _Complaints([exporter for _, exporter in self._channels])

    def __call__(self, trace: Trace, /) -> None:
        self._spans(trace)

    def __enter__(self) -> Self:
        self._complaints.listen()
        return self

    def __exit__(self, *error: object) -> None:
        enders = []
        for provider, exporter in self._channels:
            exporter.hurry()
            enders.append(threading.Thread(target=provider.shutdown, daemon=True))
            enders[-1].start()
        until = time.monotonic() + GRACE
        for ender in enders:
            ender.join(max(0.0, until - time.monotonic()))
        for _, exporter in self._channels:
            exporter.shutdown()
        self._complaints.leave()

    @property
    def sent(self) -> Sent:
        """How many spans arrived; complete once the context manager has ended."""
        exporter = self._channels[0][1]
        return Sent(self._spans.made, self._spans.made - exporter.sent, where(), exporter.fault)


def where() -> str:
    """The collector's host and port, as the exporter takes it from the environment."""
    own = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    every = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return urlsplit(own or every or "http://localhost:4318").netloc.rpartition("@")[2]


class _Exporter:
    """An exporter that counts what has arrived, and near the end does not try twice."""

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self.logger = type(exporter).__module__
        self.sent = 0
        self.fault = ""
        self._hurried = False

    def export(self, batch: Sequence[Any]) -> Any:
        result = self._exporter.export(batch)
        if result.name == "SUCCESS":
            self.sent += len(batch)
            self.fault = ""
        return result

    def complain(self, fault: str) -> None:
        """Note what went wrong."""
        self.fault = fault
        if self._hurried:
            self._exporter.shutdown()

    def hurry(self) -> None:
        """Give up at the next fault; at once, if there was one."""
        self._hurried = True
        if self.fault:
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._exporter.force_flush(timeout_millis))

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Complaints(logging.Handler):
    """Collects what exporters log, for one line at the end instead of one a batch."""

    def __init__(self, exporters: Sequence[_Exporter]) -> None:
        super().__init__(logging.WARNING)
        self._by_logger = {exporter.logger: exporter for exporter in exporters}
        self._logger = logging.getLogger("opentelemetry")
        self._propagated = self._logger.propagate

    def listen(self) -> None:
        self._propagated, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)

    def leave(self) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated

    def emit(self, record: logging.LogRecord) -> None:
        said = " ".join(record.getMessage().split())
        exporter = self._by_logger.get(record.name)
        if exporter is not None and "shutdown" not in said.lower():
            exporter.complain(said)
