"""`reinspect ui`: the console in a browser."""

import contextlib
import gc
import importlib
import importlib.util
import os
import threading
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from reinspect.errors import ReinspectError
from reinspect.runs.defaults import RUNS, STORE

FLAGS = {
    "browser.gatherUsageStats": "false",
    "server.address": "127.0.0.1",
    "server.fileWatcherType": "none",
    "client.toolbarMode": "viewer",
    "client.showErrorLinks": "false",
}
"""Streamlit's options, each unless told otherwise on the command line or in the environment."""

SHADED = {
    "primaryColor": "action",
    "backgroundColor": "page",
    "secondaryBackgroundColor": "sheet",
    "textColor": "ink",
    "linkColor": "link",
    "borderColor": "line",
}
"""Streamlit's name of a colour → ours: light or dark, as a browser prefers or a person chooses."""


class UiError(ReinspectError, RuntimeError):
    """The console can't be opened; the message is one line: what, what to do."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(ui)


def ui(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            help="URL or SQLite file of the store. \\[default: reinspect.db in --runs]",
            show_default=False,
        ),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option("--runs", help="Folder that holds the runs' folders. \\[default: runs]"),
    ] = None,
    reviewer: Annotated[
        str | None,
        typer.Option("--reviewer", help="Your name, to review; without, the console only reads."),
    ] = None,
    commission: Annotated[
        Path | None,
        typer.Option("--commission", help="Parts to answer on, on the page Commissioning."),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option("--references", help="With --commission: folder of known-good images."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="With --commission: its folder, kept. \\[default: commissioning]"
        ),
    ] = None,
) -> None:
    """Open the console on a store. Further options go to Streamlit, as --server.port=8600."""
    if importlib.util.find_spec("streamlit") is None:
        raise UiError("the console needs Streamlit: pip install 'reinspect[ui]'")
    from reinspect.store import Store

    url = store or str((runs or RUNS) / STORE)
    commissioned = _commissioning(commission, references, out)
    stray = _stray(context.args)
    if stray is not None:
        raise UiError(f"{stray!r} is no option: a store is named by --store, runs by --runs")
    first = bool(commissioned) and store is None  # before the first run there is no store
    with Store.open(url, create=first) as opened:  # refuse a wrong store before a browser opens
        names = opened.name
    words = ["--store", url if "://" in url else names]
    words += ["--runs", str(runs.absolute())] if runs else []
    words += ["--reviewer", reviewer] if reviewer and reviewer.strip() else []
    words += commissioned
    from click import UsageError
    from streamlit.web.cli import main

    told = flags(context.args)
    ahead = threading.Timer(AHEAD, _load_pages, [url])
    ahead.daemon = True
    ahead.start()
    with as_file(files("reinspect.ui") / "app.py") as app:
        try:
            main(["run", str(app), *told, "--", *words], standalone_mode=False)
        except UsageError as error:
            said = " ".join(error.format_message().split())
            raise UiError(f"{said} Streamlit's options: streamlit run --help") from error


def _commissioning(commission: Path | None, references: Path | None, out: Path | None) -> list[str]:
    """The words for the page Commissioning.

    Raises:
        UiError: something is missing, or not there.
    """
    if commission is None:
        if references or out:
            raise UiError("--references and --out are for --commission PHOTOS")
        return []
    if references is None:
        raise UiError("--commission: needs --references, a folder of known-good images")
    for name, place in (("--commission", commission), ("--references", references)):
        if not place.exists():
            raise UiError(f"{name}: there is no {place}")
    where = out or Path("commissioning")
    named = {"--commission": commission, "--references": references, "--out": where}
    return [word for name, place in named.items() for word in (name, str(place.absolute()))]


AHEAD = 0.7
"""Seconds after which the pages are loaded: the server answers by then, and nobody has come yet."""


def _load_pages(url: str) -> None:
    """Import and set up what the first visitor would wait for.

    Streamlit has everything searched for garbage after each run of a page, which holds up what the
    page sends; modules are no garbage, and are left out of the search from here on.
    """
    from reinspect.store import Filter, Store, StoreError

    for name in ("pyarrow", "reinspect.ui.app"):
        importlib.import_module(name)
    # A fault of the store is told on the page.
    with contextlib.suppress(StoreError), Store.open(url, create=False) as store:
        store.browse.page(Filter(), limit=1)  # maps the tables, which are imported by now
    gc.collect()
    gc.freeze()


def _stray(told: list[str]) -> str | None:
    """The first word that is neither an option nor the value of the one before it."""
    named = ["", *told]
    for before, word in zip(named, told, strict=False):
        if not word.startswith("-") and (not before.startswith("-") or "=" in before):
            return word
    return None


def flags(told: list[str]) -> list[str]:
    """The options for Streamlit: what was told, and ours where nothing else was."""
    named = {word.removeprefix("--").partition("=")[0] for word in told}
    ours = [
        f"--{name}={value}"
        for name, value in {**FLAGS, **_theme()}.items()
        if name not in named and _variable(name) not in os.environ
    ]
    return [*ours, *told]


def _theme() -> dict[str, str]:
    """Colours and type of everything that is ours, for Streamlit's own parts of a page."""
    from reinspect.export.appearance import SHADES, TYPE

    own = {"theme.font": TYPE.replace('"', "")}
    for option, name in SHADED.items():
        own[f"theme.light.{option}"], own[f"theme.dark.{option}"] = SHADES[name]
    return own


def _variable(option: str) -> str:
    """The environment variable by which Streamlit reads an option."""
    words = "".join(f"_{c}" if c.isupper() else c for c in option.replace(".", "_"))
    return f"STREAMLIT_{words.upper()}"
