"""A console that runs, and a real browser in front of it."""

import contextlib
import importlib.util
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from support.requirements import unavailable

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60_000  # milliseconds
NAVIGATION = '[data-testid="stSidebarNav"]'
"""Streamlit's own list of pages, whose sections axe-core takes for broken lists."""


class Site(NamedTuple):
    """A console that is running."""

    address: str
    store: Path


def reinspect(*words: object) -> list[str]:
    return [sys.executable, "-m", "reinspect", *map(str, words)]


def need_browser() -> None:
    """Skip where there is none, saying why."""
    if importlib.util.find_spec("playwright") is None:
        unavailable("browser", "Playwright is not installed: pip install 'reinspect[dev]'")
    if CHROMIUM is None:
        unavailable("browser", "there is no chromium: apt-get install chromium")


@contextlib.contextmanager
def console(store: Path, log: Path, port: int, *words: object) -> Iterator[Site]:
    """`reinspect ui` on a store."""
    options = ["--store", store, *words, f"--server.port={port}", "--server.headless=true"]
    with log.open("w") as file:
        process = subprocess.Popen(reinspect("ui", *options), stdout=file, stderr=file)
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield Site(f"http://127.0.0.1:{port}", store)
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError, HTTPException):  # the latter by whoever was faster
            urllib.request.urlopen(address, timeout=5).close()
            return
        assert process.poll() is None, "the console ended"
        time.sleep(0.1)
    raise TimeoutError(address)


@contextlib.contextmanager
def browsing(*addresses: str) -> Iterator[Any]:
    """A page that may ask for these addresses alone, and on which no script may fail."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        outside: list[str] = []
        page.on(
            "request",
            lambda request: (
                outside.append(request.url)
                if request.url.startswith("http") and not request.url.startswith(addresses)
                else None
            ),
        )
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
        browser.close()
    assert outside == []
    assert faults == []


FRAMES = 12
"""Drawn one after the other while nothing runs: what a click asks for has begun by then."""

AT_REST = """frames => {
  const app = document.querySelector('[data-test-script-state]');
  const busy = app?.dataset.testScriptState !== 'notRunning'
    || document.querySelector('[data-testid=stSkeleton]');
  window.framesAtRest = busy ? 0 : (window.framesAtRest ?? 0) + 1;
  return window.framesAtRest > frames;
}"""


def idle(page: Any) -> None:
    """Wait until the page's script has begun and ended, and charts and tables are drawn.

    A browser that is busy draws fewer frames, so this takes as long as it must. Asking for a run
    changes the script's state at once, on the browser's side.
    """
    page.evaluate("window.framesAtRest = 0")
    page.wait_for_function(AT_REST, arg=FRAMES, polling="raf")


def visit(page: Any, site: Site, path: str, title: str) -> None:
    page.goto(f"{site.address}/{path}")
    page.get_by_role("heading", name=title, exact=True).wait_for()


def pick_row(page: Any, title: str, row: int = 0) -> None:
    """Select a row of a table that is drawn on a canvas.

    Args:
        page: that shows it.
        title: the last words of its description.
        row: from 0; the first five are on screen without scrolling.
    """
    table = page.locator(f'[data-testid="stDataFrame"]:has([aria-label$="{title}"])')
    line = table.locator("tbody tr").nth(row)
    line.wait_for(state="attached")  # what a screen reader hears is there once the canvas is drawn
    idle(page)
    table.click(position={"x": 17, "y": 52 + 35 * row})
    table.locator(f'tr[aria-rowindex="{row + 2}"][aria-selected="true"]').wait_for(state="attached")


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag on the part's picture, between places in shares of its sides."""
    stage = page.locator(".scene").first.bounding_box()
    for act, (x, y) in ((page.mouse.down, start), (page.mouse.up, end)):
        page.mouse.move(stage["x"] + x * stage["width"], stage["y"] + y * stage["height"], steps=5)
        act()


def found_by_axe(page: Any) -> list[str]:
    """What axe-core objects to, one line each."""
    axe = files("axe_playwright_python") / "axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))
    found = page.evaluate(
        "outside => axe.run({exclude: [[outside]]}, {resultTypes: ['violations']})", NAVIGATION
    )
    return [
        f"{fault['id']} ({fault['impact']}): {node['html'][:200]}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]
