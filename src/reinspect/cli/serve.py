"""`reinspect serve`: vLLM with the flags that the recipes need."""

from pathlib import Path
from typing import Annotated

import typer

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
        list[Path] | None,
        typer.Option("--adapter", help="LoRA adapter's folder; may be repeated."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What recipes call the model. [default: MODEL]")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8000,
) -> None:
    """Start vLLM for recipes with `kind: vlm`; what follows `--` goes to vLLM as it is.

    An adapter is a model of its own, called by its folder's name.
    """
    import os
    import signal
    import sys

    from reinspect.agents.vlm.serving import VllmServer, command, environment, installed_vllm

    vllm = installed_vllm()
    # Told to end, it ends vLLM first; on Ctrl-C the terminal tells both.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    adapters = {folder.name: folder for folder in adapter or ()}
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
