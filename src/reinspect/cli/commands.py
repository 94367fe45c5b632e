"""All commands. Each imports what it needs when it runs: `--help` stays instant."""

import typer

from reinspect.cli import (
    api,
    bench,
    doctor,
    models,
    reading,
    run,
    samples,
    serve,
    store,
    ui,
)
from reinspect.cli.learning import critics, monitor, train
from reinspect.cli.line import bundle
from reinspect.cli.measuring import agreement, parity
from reinspect.cli.misuse import Commands
from reinspect.cli.qualification import commission, qualify, references

app = typer.Typer(
    name="reinspect",
    cls=Commands,
    help="Inspect parts, and look twice where the first verdict can't be relied on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for module in (
    run,
    bench,
    agreement,
    parity,
    qualify,
    commission,
    references,
    reading,
    monitor,
    train,
    critics,
    models,
    samples,
    store,
    serve,
    api,
    bundle,
    doctor,
    ui,
):
    module.add_to(app)
