"""The command line. Commands import what they need when they run: `--help` stays instant."""

import sys
from collections.abc import Sequence

import typer

from reinspect.cli import bench, doctor, reading, run, samples

app = typer.Typer(
    name="reinspect",
    help="Inspect parts, and look twice where the first verdict can't be relied on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for module in (run, bench, reading, samples, doctor):
    module.add_to(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit code 0 done, 1 done with failed items, 2 wrong usage, 130 interrupted."""
    try:
        app(args=arguments)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, RuntimeError, OSError) as failure:
        if not _is_ours(failure):
            raise
        print(f"reinspect: {failure}", file=sys.stderr)  # noqa: T201 - the one error line
        sys.exit(2)


def _is_ours(failure: Exception) -> bool:
    """Whether it was raised to be read by the user; anything else is a bug, with its traceback."""
    return type(failure).__module__.startswith("reinspect.")
