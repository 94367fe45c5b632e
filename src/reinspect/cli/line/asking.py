"""Whether a command's parts are asked for, and whether a controller sees its verdicts by OPC UA."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from reinspect.runs.defaults import UsageError

if TYPE_CHECKING:
    from reinspect.runs.on_request import OnRequest
    from reinspect.runs.plan import RunPlan
    from reinspect.trace import Trace

Requested = Annotated[
    bool,
    typer.Option(
        "--on-request",
        help="Inspect files below the folders as they are asked for, by --opcua or --publish.",
    ),
]
OpcUa = Annotated[
    str | None,
    typer.Option(
        "--opcua", metavar="URL", help="Show verdicts by OPC UA at opc.tcp://host:port, too."
    ),
]


def source_of(
    asked: bool, paths: Sequence[str], limit: int | None, *by: object
) -> "OnRequest | None":
    """The source of what is asked for; none where parts are not asked for.

    Raises:
        UsageError: nobody could ask.
    """
    if not asked:
        return None
    if not any(by):
        raise UsageError("--on-request: who asks? add --opcua or --publish")
    from reinspect.runs.on_request import OnRequest

    return OnRequest(tuple(paths), limit)


@contextlib.contextmanager
def controller(
    url: str | None, plan: "RunPlan", source: "OnRequest | None"
) -> "Iterator[Callable[[Sequence[Trace]], object] | None]":
    """What shows stored traces to a controller; none where nobody asked for it.

    Raises:
        LineError: it can't be had.
    """
    if url is None:
        yield None
        return
    from reinspect.line.opcua import OpcUaServer
    from reinspect.runs.alarm import Expectation
    from reinspect.settings import Settings

    expected = functools.cache(lambda: Expectation.of(plan.references, plan.recipe, plan.cache))
    with OpcUaServer(url, Settings(), expected, source) as server:
        if server.warning:
            typer.echo(server.warning, err=True)
        yield server.told
