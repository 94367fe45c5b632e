"""`reinspect serve`: vLLM with the flags that the recipes need."""

from pathlib import Path
from typing import Annotated

import typer

from reinspect.runs.defaults import CRITICS, RUNS

PATIENCE = 1800.0
"""Seconds until a server must answer: weights may have to be fetched first."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(serve)


def serve(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Folder, or name on the Hugging Face hub.")
    ],
    adapter: Annotated[
        list[str] | None,
        typer.Option("--adapter", help="LoRA adapter: a critic's name, or a folder; repeatable."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What recipes call the model. [default: MODEL]")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8000,
    registry: Annotated[
        Path, typer.Option("--critics", help="Where critics are looked up by their names.")
    ] = RUNS / CRITICS,
) -> None:
    """Start vLLM for recipes with `kind: vlm`; what follows `--` goes to vLLM as it is.

    An adapter is a model of its own, called by its critic's or its folder's name.
    """
    import os
    import signal
    import sys

    from reinspect.agents.models.serving import VllmServer, command, environment, installed_vllm

    vllm = installed_vllm()
    # Told to end, it ends vLLM first; on Ctrl-C the terminal tells both.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    model, name = weights_of(model, name, registry)
    adapters = dict(adapter_of(wanted, registry) for wanted in adapter or ())
    words = command(
        model, vllm, host=host, port=port, name=name, adapters=adapters, extra=context.args
    )
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/v1"  # noqa: S104
    with VllmServer(words, environment(model, vllm, os.environ), address) as server:
        seconds = server.ready(PATIENCE)
        typer.echo(f"Ready after {seconds:.0f} s. In a recipe:")
        for served in (name or model, *adapters):
            typer.echo(f"  detector: {{kind: vlm, model: {served}, base_url: {address}}}")
        code = server.wait()
    raise typer.Exit(code)


def adapter_of(wanted: str, registry: Path) -> tuple[str, Path]:
    """What an adapter is called, and its folder: a folder as it is, else the critic of that name.

    Raises:
        CriticError: there is neither, or the critic is no adapter.
    """
    from reinspect.critics.registry import CriticError, CriticKind, Critics

    folder = Path(wanted)
    if folder.is_dir():
        return folder.name, folder
    critics = Critics(registry)
    kind = critics.card(wanted).kind
    if kind is not CriticKind.ADAPTER:
        raise CriticError(f"critic {wanted!r} is {kind.value}, no adapter")
    return wanted, critics.path(wanted)


def weights_of(model: str, name: str | None, registry: Path) -> tuple[str, str | None]:
    """The model to load, and what recipes call it: a critic's weights where one has that name."""
    from reinspect.critics.registry import CriticKind, Critics

    critics = Critics(registry)
    if Path(model).exists() or model not in critics.names():
        return model, name
    if critics.card(model).kind is not CriticKind.WEIGHTS:
        return model, name
    return str(critics.path(model)), name or model
