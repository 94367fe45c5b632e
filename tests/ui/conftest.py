import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import update
from sqlmodel import col

from reinspect.pictures import write_image
from reinspect.samples import write_sample_set
from reinspect.store import RunInfo, Status, Store
from reinspect.store.tables import InspectionTable
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Box,
    Defect,
    Label,
    Outcome,
    Truth,
    Verdict,
)
from support.browser import Site, browsing, console, idle, need_browser, reinspect
from support.local_server import free_port
from support.made_traces import corrected, judged, unreadable
from support.odd_texts import LONG, ODD
from support.starting import marking


@pytest.fixture(scope="session", autouse=True)
@marking(pytest.mark.needs("streamlit"))
def _streamlit() -> None:
    """What all tests of the console need."""


@pytest.fixture(autouse=True)
def _main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit makes a page `__main__`, which processes spawned by later tests would run anew."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the run, with a heat-map; beside it a part."""
    pixels = np.full((120, 160, 3), 90, np.uint8)
    pixels[30:60, 40:90] = 220
    write_image(tmp_path / "part.png", pixels)
    write_image(tmp_path / "monday/pictures/heat.png", np.full((12, 16), 14_000, np.uint16))
    return tmp_path / "monday"


@pytest.fixture
def store(tmp_path: Path, folder: Path, blank: bytes) -> Iterator[Store]:
    (tmp_path / "reinspect.db").write_bytes(blank)
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


@pytest.fixture
def monday(store: Store, folder: Path) -> int:
    """A run of everything that the issue of the console names, one image each."""
    part = str(folder.parent / "part.png")
    number = store.begin_run(
        RunInfo(name="monday", folder=str(folder), recipe="detector:\n  kind: embedded\n")
    )
    with store.writer(number) as writer:
        writer.write(judged("fail.png", 0.9, Outcome.FAIL, path=part))
        writer.write(corrected("corrected.png", path=part))
        writer.write(judged(ODD, 0.1, Outcome.PASS, path=part))
        writer.write(judged("doubt.png", 0.55, Outcome.REVIEW, path=part))
        writer.write(unreadable("broken.png", error="=is\nno <b>image</b>"))
        writer.write(judged("gone.png", 0.8, Outcome.FAIL))
        writer.write(_wordy("wordy.png", part))
        writer.write(_failing("failing.png", part))
    store.write_truth(
        number,
        {
            "fail.png": Truth(label=Label.ANOMALOUS, types=("dent",)),
            "corrected.png": Truth(label=Label.NORMAL),
        },
    )
    spent = {"model_tokens_in": 900, "model_tokens_out": 60, "model_usd": 0.5, "model_unread": 2}
    store.finish_run(number, Status.DONE, spent)
    return number


@pytest.fixture
def tuesday(store: Store, monday: int, folder: Path) -> int:
    """A run that is being written, on some of the same images."""
    part = str(folder.parent / "part.png")
    number = store.begin_run(RunInfo(name='tue"s<d>ay', recipe="detector: embedded\n"))
    with store.writer(number) as writer:
        writer.write(judged("fail.png", 0.2, Outcome.PASS, path=part))
        writer.write(judged("corrected.png", 0.2, Outcome.PASS, path=part))
    return number


def _wordy(image: str, part: str) -> Trace:
    trace = judged(image, 0.7, Outcome.FAIL, path=part)
    defect = Defect(box=Box(0.2, 0.2, 0.6, 0.5), type='ben"t')
    verdict = Verdict.of(0.7, rationale=LONG, defects=(defect,))
    detect = trace.steps[0].model_copy(update={"products": (verdict,)})
    return trace.model_copy(update={"steps": (detect, *trace.steps[1:])})


def _failing(image: str, part: str) -> Trace:
    trace = judged(image, 0.3, Outcome.REVIEW, path=part)
    failed = Step(node="examine", round=1, error="zoom: <i>timed out</i> after 30 s")
    return trace.model_copy(update={"steps": (*trace.steps[:2], failed, *trace.steps[2:])})


def _script(url: str, runs: str | None, reviewer: str | None, start: str) -> None:
    from reinspect.ui.app import main
    from reinspect.ui.console import Options

    main(Options(url, runs, reviewer), start)


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Show a page as if its address had these parameters."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(tmp_path / "cache"))

    st.cache_data.clear()
    st.cache_resource.clear()

    def shown(start: str, *, reviewer: str | None = None, **params: Any) -> Any:
        url = str(tmp_path / "reinspect.db")
        arguments = {"url": url, "runs": None, "reviewer": reviewer, "start": start}
        app = AppTest.from_function(_script, kwargs=arguments, default_timeout=60)
        for name, value in params.items():
            app.query_params[name] = value
        return app.run()

    return shown


@pytest.fixture(scope="session")
@marking(pytest.mark.browser)
def site(sample_parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two runs on the sample parts, with and without second looks, and the console on them.

    For the pictures of the docs these are the parts of `reinspect sample`: larger, and more.
    """
    need_browser()
    folder = tmp_path_factory.mktemp("console")
    if os.environ.get("REINSPECT_SCREENSHOTS"):
        sample_parts = folder / "parts"
        write_sample_set(sample_parts)
    once = folder / "once.yaml"
    once.write_text("budgets: {rounds: 0}\n")
    store = folder / "reinspect.db"
    for name, more in (("first-look", ["--recipe", once]), ("two-looks", [])):
        words = ["run", sample_parts, "--out", folder / name, "--store", store, "-q", *more]
        subprocess.run(reinspect(*words), check=True)
    if os.environ.get("REINSPECT_SCREENSHOTS"):
        _spread(store)
    with console(store, folder / "log", free_port(), "--reviewer", "Ann") as running:
        yield running


def _spread(store: Path) -> None:
    """As if the parts had come over two weeks, for the pictures of the docs."""
    now, draw = datetime.now(UTC), random.Random(0)
    with Store.open(store, create=False) as opened:
        keys = [one.id for run in opened.runs() for one in opened.inspections(run.id)]
        with opened._engine.begin() as connection:
            for key in keys:
                which = update(InspectionTable).where(col(InspectionTable.id) == key)
                at = now - timedelta(days=14 * draw.random())
                connection.execute(which.values(at=at))


@pytest.fixture
@marking(pytest.mark.browser)
def page(site: Site) -> Iterator[Any]:
    """A page of a browser that may ask for the console alone."""
    with browsing(site.address) as opened:
        yield opened


@pytest.fixture
def shot(tmp_path: Path) -> Any:
    """Keep a picture of the page, with at most 250 kB."""
    folder = Path(os.environ.get("REINSPECT_SCREENSHOTS") or tmp_path)

    def take(page: Any, name: str) -> None:
        console = page.url.startswith("http")  # rather than a file, which has no script to wait for
        if console:
            idle(page)
        page.wait_for_timeout(1500)  # for transitions
        path = folder / (f"console-{name}.png" if console else f"{name}.png")
        page.screenshot(path=path)
        with Image.open(path) as taken:
            picture = taken.convert("RGB")
        for width in (1200, 1100, 1000, 900, 800, 700, 600):
            small = picture.resize((width, picture.height * width // picture.width))
            few = small.quantize(256, Image.Quantize.FASTOCTREE)  # keeps rare colours
            few.save(path, optimize=True)
            if path.stat().st_size < 250_000:
                return
        raise AssertionError(f"{path} has {path.stat().st_size} bytes")

    return take
