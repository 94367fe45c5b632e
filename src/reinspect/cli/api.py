"""`reinspect api`: pictures over HTTP."""

import contextlib
import importlib.util
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reinspect.cli.line.bundle import BundleFile, unpacked
from reinspect.cli.line.publishing import Publish, in_the_api, outlet_to
from reinspect.cli.run import AcceptReferences, Recipe, Store, Workers
from reinspect.cli.telemetry import Otel, telemetry
from reinspect.documents import RECIPE_SIZE, read_text
from reinspect.errors import ReinspectError
from reinspect.runs.defaults import RUNS, shown_store, usage_errors
from reinspect.texts import visible

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from reinspect.api.gate import Keys, RequestLimits
    from reinspect.api.intake import Pace
    from reinspect.api.served_runs import ServedRuns
    from reinspect.roles import Sink
    from reinspect.runs.plan import RunPlan

HEAD_SECONDS = 15
"""In which the head of a request has to arrive."""

CONNECTIONS = 1024
"""Open at the same time; further ones are told to come back."""

FILES = 8192
"""Open at the same time, sockets among them, where the system lets a program have so many."""


class ApiError(ReinspectError, ValueError):
    """The server can't start as it was asked to; the message is one line: what, what to do."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(api)


def api(
    recipe: Recipe = None,
    references: Annotated[
        Path | None,
        typer.Option(
            "--references",
            help="Folder of known-good images, or of one such folder a category. "
            "\\[default: the recipe's]",
        ),
    ] = None,
    bundle: BundleFile = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for pictures and results; taken up again.")
    ] = RUNS / "api",
    store: Store = None,
    workers: Workers = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8080,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            "--api-key-file",
            help="File with a key a line. \\[default: REINSPECT_API_KEY; else no key is asked for]",
        ),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            "--max-pixels",
            min=1,
            help="A picture may have, by its header. \\[default: the recipe's]",
        ),
    ] = None,
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", min=1, help="Size of a request's body.")
    ] = 32 << 20,
    max_images: Annotated[
        int, typer.Option("--max-images", min=1, max=1000, help="Pictures in a batch.")
    ] = 100,
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, help="Requests a second and client.")
    ] = 20.0,
    queue: Annotated[
        int, typer.Option("--queue", min=1, help="Pictures accepted and not finished.")
    ] = 256,
    patience: Annotated[
        float,
        typer.Option("--patience", min=0, help="Seconds a client waits before it is to ask again."),
    ] = 30.0,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.01, help="Seconds that a picture may take.")
    ] = 120.0,
    drain: Annotated[
        float,
        typer.Option("--drain", min=0, help="Seconds to finish in when told to stop."),
    ] = 30.0,
    publish: Publish = None,
    otel: Otel = None,
    accept_references: AcceptReferences = False,
) -> None:
    """Serve inspections over HTTP: send a picture, get the verdict and the id of its trace.

    What it accepts is on disk first, and inspected after a restart at the latest.
    """
    for module in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        if importlib.util.find_spec(module) is None:
            raise ApiError("the server needs FastAPI: pip install 'reinspect[api]'")
    from reinspect.api.gate import RequestLimits
    from reinspect.api.intake import Pace
    from reinspect.api.served_runs import ServedRuns
    from reinspect.engine.local import Local, default_workers
    from reinspect.runs.plan import RunPlan
    from reinspect.runs.sources import Listed
    from reinspect.settings import Settings

    keys = _keys(api_key_file, Settings().api_key)
    if not keys and not _only_here(host):
        raise ApiError(f"--host {host}: others could send pictures; give keys with --api-key-file")
    outlet = outlet_to(publish, in_the_api)
    packed = unpacked(bundle, ("--recipe", recipe), ("--references", references))
    plan = RunPlan.of(
        Listed(),
        recipe=packed.recipe if packed else recipe,
        max_pixels=max_pixels,
        references=packed.references if packed else references,
        cache=packed.cache if packed else None,
        weights=packed.weights if packed else None,
        out=out,
        store=store,
        engine=Local(workers),
        resume=(out / "recipe.yaml").exists(),
    )
    pace = Pace(
        workers=workers or default_workers(),
        queue=queue,
        image_seconds=timeout,
        drain_seconds=drain,
    )
    limits = RequestLimits(max_bytes=max_bytes, max_images=max_images, rate=rate)
    spans = telemetry(otel, out.absolute().name, os.environ)
    place = (packed.references if packed else references) or plan.recipe.references
    runs = ServedRuns(plan, place, outlet, _say)
    with _listen(host, port) as listening, spans as sink:
        serving = _Serving(listening, keys, limits, pace, patience, [sink] if sink else [])
        _serve(runs, plan, serving, accepted=accept_references)


class _Serving(NamedTuple):
    """How to serve, whatever judges."""

    listening: socket.socket
    keys: "Keys"
    limits: "RequestLimits"
    pace: "Pace"
    patience: float
    sinks: "Sequence[Sink]"


def _serve(runs: "ServedRuns", plan: "RunPlan", how: _Serving, *, accepted: bool) -> None:
    from reinspect.api.app import Service, build
    from reinspect.api.intake import Intake
    from reinspect.api.metrics import Metrics
    from reinspect.api.spool import Spool
    from reinspect.store import Status

    metrics = Metrics()
    with runs:
        spool = Spool(plan.out)  # before anything is written: another server may have the folder
        now = runs.begin()
        said = () if accepted else runs.session.said_of_references
        for line in (*runs.session.said_of_versions, *said):
            typer.echo(visible(line))
        intake = Intake(
            now.context,
            runs.store,
            now.run_id,
            spool,
            how.pace,
            sinks=[runs, metrics, *how.sinks],
            kept=now.kept,
            renewal=runs,
            earlier=runs.earlier,
        )
        app = build(Service(intake, how.keys, how.limits, metrics, how.patience))
        typer.echo(f"Listening on http://{_shown(how.listening)}; stop with Ctrl-C")
        typer.echo(f"Pictures {plan.out / 'incoming'}")
        store = shown_store(plan.store)
        typer.echo(f"Traces   {store} (reinspect ui --store {store})")
        # uvicorn stops in good order, and then sends the signal that told it to once more.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        _raise_file_limit()
        try:
            server = _server(app, how.patience + how.limits.body_seconds)
            intake.on_death = lambda: setattr(server, "should_exit", True)
            server.run(sockets=[how.listening])
        finally:
            runs.end(Status.INTERRUPTED if intake.left else Status.DONE)
            left = f"; {intake.left} wait for the next start" if intake.left else ""
            typer.echo(f"Stopped; {runs.inspected} pictures inspected{left}")
            if runs.session.alarm:
                typer.echo(runs.session.alarm)
        if intake.died is not None:
            raise ApiError(
                f"the workers are gone ({intake.died}); what was accepted is inspected by the next "
                "start"
            )


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more; pictures come all the same
        typer.echo(visible(line))


def _server(app: "FastAPI", seconds: float) -> "uvicorn.Server":
    """What answers requests; told to stop, it waits so many seconds for those that are open."""
    import uvicorn

    from reinspect.api.punctual import PunctualProtocol

    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=PunctualProtocol,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=HEAD_SECONDS,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=round(seconds) + 1,
        )
    )


def _keys(file: Path | None, given: str | None) -> "Keys":
    from reinspect.api.gate import Keys

    lines = [given or ""]
    if file is not None:
        with usage_errors():
            lines = read_text(file, most=RECIPE_SIZE).splitlines()
    keys = [line.strip() for line in lines if line.strip()]
    if file is not None and not keys:
        raise ApiError(f"{file}: has no key; write one a line")
    where = file or "REINSPECT_API_KEY"
    for number, key in enumerate(keys, 1):
        if len(key) < 16 or not key.isascii() or not key.isprintable():
            raise ApiError(
                f"{where}: key {number} is not 16 or more ASCII characters; "
                "make one with: openssl rand -hex 32"
            )
    return Keys(keys)


def _raise_file_limit() -> None:
    """1,024, as many systems have it, are less than the connections that are let in."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _only_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    """A socket that is bound before anything is written: a taken port is told at once."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as failure:
        raise ApiError(f"--host {host}: {failure.strerror}; name an address of this host") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as failure:
        listening.close()
        raise ApiError(
            f"--host {host} --port {port}: {failure.strerror}; name another port"
        ) from failure
    return listening


def _shown(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
