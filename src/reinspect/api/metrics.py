"""What a monitoring system asks of the server: figures as Prometheus reads them."""

import importlib.metadata
import math
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reinspect.api.intake import Intake
from reinspect.readings import SETUP, Readings
from reinspect.store import StoreError
from reinspect.trace import Trace
from reinspect.vocabulary import Outcome

TYPE = CONTENT_TYPE_PLAIN_0_0_4

_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 120)


class Metrics:
    """Counts what the server inspects and answers; fits the role `Sink`. Counted since its start.

    A registry of its own: two servers in one process, as tests have them, count apart.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = {"registry": self.registry}
        Info("reinspect", "What runs.", **own).info(
            {"version": importlib.metadata.version("reinspect")}
        )
        self._parts = Counter(
            "reinspect_parts", "Parts inspected and stored.", ["disposition"], **own
        )
        for outcome in Outcome:  # a rate needs a zero to begin from
            self._parts.labels(outcome.value)
        self._failed = Counter("reinspect_failures", "Parts that failed, for REVIEW.", **own)
        self._again = Counter("reinspect_second_looks", "Parts looked at twice.", **own)
        self._corrected = Counter(
            "reinspect_corrections", "Verdicts the second look changed.", **own
        )
        self._stopped = Counter("reinspect_setup_stops", "Stopped by the set-up check.", **own)
        self._seconds = Histogram(
            "reinspect_inspection_seconds", "Work on a part.", buckets=_SECONDS, **own
        )
        self._latency = Histogram(
            "reinspect_request_seconds",
            "From a request's head to its answer.",
            ["method"],
            buckets=_SECONDS,
            **own,
        )
        self._answers = Counter("reinspect_requests", "Answered.", ["method", "status"], **own)
        self._open = Gauge("reinspect_requests_open", "Not answered yet.", **own)

    def watch(self, intake: Intake) -> None:
        """Ask this intake whenever somebody asks for figures."""
        for name, said, value in _asked(intake):
            Gauge(name, said, registry=self.registry).set_function(value)

    def __call__(self, trace: Trace, /) -> None:
        read = Readings.of(trace)
        self._parts.labels(read.disposition.value).inc()
        self._seconds.observe(read.seconds)
        for counter, counts in (
            (self._failed, read.error is not None),
            (self._again, read.rounds > 0),
            (self._corrected, read.revised),
            (self._stopped, read.reason.startswith(SETUP)),
        ):
            counter.inc(counts)

    @property
    def text(self) -> bytes:
        """All figures, in Prometheus's format."""
        return generate_latest(self.registry)

    def counting(self, app: ASGIApp) -> ASGIApp:
        """ASGI middleware that counts answers."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            known = {"GET", "HEAD", "POST"}  # a client's own word would be a label for each
            method = scope["method"] if scope["method"] in known else "other"
            start, status = time.monotonic(), 0

            async def noted(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            self._open.inc()
            try:
                await app(scope, receive, noted)
            finally:
                self._open.dec()
                self._answers.labels(method, str(status)).inc()
                self._latency.labels(method).observe(time.monotonic() - start)

        return counted


def _asked(intake: Intake) -> tuple[tuple[str, str, Callable[[], float]], ...]:
    return (
        ("reinspect_waiting", "Parts accepted and without a verdict.", lambda: intake.left),
        ("reinspect_queue", "Parts that may wait.", lambda: intake.room),
        ("reinspect_ready", "1 where a picture would be taken now.", lambda: intake.ready),
        (
            "reinspect_unpublished",
            "Verdicts the broker has not taken.",
            lambda: _unpublished(intake),
        ),
    )


def _unpublished(intake: Intake) -> float:
    try:
        return intake.unpublished
    except StoreError:  # the other figures are wanted then all the more
        return math.nan
