"""Whether a command's verdicts go to an MQTT broker."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from reinspect.texts import visible

if TYPE_CHECKING:
    from reinspect.runs.on_request import OnRequest
    from reinspect.runs.session import Outlet
    from reinspect.store import Inspected, Run, Store

Publish = Annotated[
    str | None,
    typer.Option(
        "--publish",
        metavar="URL",
        help="Send each verdict to an MQTT broker, too: mqtt://host/topic, mqtts:// with TLS.",
    ),
]


def outlet_to(
    url: str | None,
    link: "Callable[[Inspected], str]",
    source: "OnRequest | None" = None,
) -> "Outlet | None":
    """What takes verdicts to a broker; none where nobody asked for it.

    Args:
        url: of the broker, with a topic.
        link: where people find the trace of a verdict.
        source: is asked by what comes from the broker.

    Raises:
        LineError: it is no such URL, or paho-mqtt is missing.
    """
    if url is None:
        return None
    from reinspect.line.broker import Broker
    from reinspect.settings import Settings

    broker = Broker.of(url, Settings())

    @contextlib.contextmanager
    def outlet(store: "Store", run: "Run") -> "Iterator[Callable[[], object]]":
        from reinspect.line.publisher import Publisher

        with Publisher(broker, store, run, link=link, say=_say, source=source) as publisher:
            yield publisher.wake

    return outlet


def in_the_console(found: "Inspected") -> str:
    """The page of a trace, below the address of `reinspect ui`."""
    return f"trace?id={found.id}"


def in_the_api(found: "Inspected") -> str:
    """The address of a trace, below that of `reinspect api`."""
    return f"/v1/inspections/{found.row.image[:36]}/trace"


def _say(line: str) -> None:
    print(f"reinspect: {visible(line)}", file=sys.stderr)  # noqa: T201 - for people
