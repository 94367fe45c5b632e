"""Whether a command's traces go to an OpenTelemetry collector, and how that went."""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from reinspect.errors import ReinspectError

if TYPE_CHECKING:
    from reinspect.roles import Sink


Otel = Annotated[
    bool | None,
    typer.Option(
        "--otel/--no-otel",
        help="Send OpenTelemetry spans to a collector. \\[default: if the environment names one by "
        "OTEL_EXPORTER_OTLP_ENDPOINT]",
    ),
]

_NAMES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_LONGEST = 200  # characters of a complaint


class TelemetryError(ReinspectError, ValueError):
    """Spans can't be sent as it was asked for; one line: what, what to do."""


@contextlib.contextmanager
def telemetry(
    asked: bool | None, run: str, environment: Mapping[str, str]
) -> "Iterator[Sink | None]":
    """A sink that sends traces, or none where nobody wants them; says what was lost at the end.

    A collector that the environment alone names is no reason to stop: what is missing is said.

    Raises:
        TelemetryError: it was asked for by its option, and can't be done.
    """
    if not _wanted(asked, environment):
        yield None
        return
    missing = _missing(environment)
    if missing and asked:
        raise TelemetryError(f"--otel: {missing}")
    if missing:
        _say(f"no spans are sent: {missing}")
        yield None
        return
    from reinspect.export.otlp import Sender

    content = environment.get(_CONTENT, "").lower() in {"true", "span_only", "span_and_event"}
    events = environment.get("OTEL_LOGS_EXPORTER", "otlp") != "none"
    sender = Sender(run, content=content, events=events)
    try:
        with sender:
            yield sender
    finally:
        sent = sender.sent
        if sent.lost:
            why = f": {sent.why}" if sent.why else ""
            line = f"{sent.lost:,} of {sent.made:,} spans did not reach {sent.where}{why}"
            _say(line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…")


def _wanted(asked: bool | None, environment: Mapping[str, str]) -> bool:
    if asked is not None:
        return asked
    off = (
        environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or environment.get("OTEL_TRACES_EXPORTER") == "none"
    )
    return not off and any(environment.get(name) for name in _NAMES)


def _missing(environment: Mapping[str, str]) -> str | None:
    """What keeps spans from being sent."""
    protocol = environment.get(
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    )
    if protocol not in {"", "http/protobuf"}:
        return (
            f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol} is not spoken here; name the collector's "
            "address for http/protobuf, port 4318 as a rule"
        )
    for module in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"):
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return "the extra otel is missing: pip install 'reinspect[otel]'"
    return None


def _say(line: str) -> None:
    print(f"reinspect: {line}", file=sys.stderr)  # noqa: T201 - for people
