"""The console on a large store: first paint, filters, a trace, memory; in a real browser.

    python benchmarks/console.py [--inspections 100000] [--store FILE]

Makes a store of that many inspections of ten steps each (or takes the one named, if it is there),
starts `reinspect ui` on it, and drives Debian's Chromium. Times are from the click, the key, or the
address, until all pictures are there; beside each the processor time that the console itself took,
which other work on the machine hardly lengthens. The database alone is timed, too. Twenty parts are
reviewed, also in a store that is named. Prints a JSON object; ends with 1 where a goal is missed.
"""

import argparse
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from reinspect.images import glance, load
from reinspect.store import Filter, Reviewed, Span, Standing, Store
from reinspect.vocabulary import Outcome
from support.made_store import made_store

GOALS = {
    "start_s": 3.0,
    "first_paint_s": 1.5,
    "filter_s": 0.5,
    "trace_s": 0.5,
    "wrong_s": 0.5,
    "morning_s": 1.0,
    "queue_strokes": 45.0,
    "next_part_s": 0.3,
    "reference_s": 0.3,
    "memory_mb": 500.0,
}
QUEUE = 20
"""Parts that are reviewed by keys; every tenth with a box and its type."""
THINKING = 500  # milliseconds that a reviewer takes at least for a part
FILTERS = {
    "all": Filter(),
    "disposition": Filter(dispositions=(Outcome.FAIL,)),
    "category": Filter(categories=("bolt",)),
    "type": Filter(types=("scratch",)),
    "evidence": Filter(sources=("zoom",)),
    "reliability": Filter(reliability=Span(0.4, 0.5)),
    "divergence": Filter(divergence=Span(0.2, 0.4)),
    "revised": Filter(revised=True),
    "errors": Filter(errors=True),
    "not reviewed": Filter(reviewed=Reviewed.NO),
    "due": Filter(due=0.05),
    "wrong": Filter(standing=Standing.WRONG),
    "line": Filter(tags=("line=3",)),
    "text, common": Filter(text="bright line"),
    "text, nowhere": Filter(text="zebra"),
}
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_PAINTED = """() => {
    const pictures = [...document.querySelectorAll(".thumb img")];
    const there = (one) => one.complete && one.naturalWidth > 0 && one.getClientRects().length > 0;
    return pictures.length === 12 && pictures.every(there);
}"""
_BENCH = """(() => {
    const hosts = [...document.querySelectorAll("*")].filter((one) => one.shadowRoot);
    const bench = hosts.map((one) => one.shadowRoot.querySelector(".bench")).find(Boolean);
    const pictures = [...(bench?.querySelectorAll(".stage .scene > img:first-child") ?? [])];
    const there = pictures.every((one) => one.complete && one.naturalWidth > 0);
    return there ? pictures.map(() => bench.querySelector(".desk").dataset.item) : [];
})()"""
"""The part that the bench shows, once for each picture of it, when they are decoded."""
_IDLE = '[data-test-script-state="notRunning"]'


def queries(url: str) -> dict[str, float]:
    """Seconds of a page of each filter, by the database alone; the best of three."""
    with Store.open(url, create=False) as store:
        found = {
            f"query: {name}": _best(lambda wanted=wanted: store.browse.page(wanted))
            for name, wanted in FILTERS.items()
        }
        found["query: trace"] = _best(lambda: store.trace_of(store.statistics.version()[0] // 2))
        every = [run.id for run in store.runs()]
        end = store.statistics.newest() or datetime.now(UTC)
        day = timedelta(days=1)
        found["query: 90 days"] = _best(
            lambda: store.statistics.spans(end - 90 * day, end, width=day)
        )
        found["query: right and wrong"] = _best(lambda: store.statistics.judged(every[:1]))
        found["reliability of all runs, read"] = _best(lambda: store.statistics.known(every))
        shown = [one.path for one in store.browse.page(Filter(), limit=12).items]
        for name, read in (("whole", load), ("in part", lambda path: glance(path, 256))):
            found[f"12 pictures, decoded {name}"] = _best(lambda read=read: [*map(read, shown)])
        return found


def browse(address: str, process: psutil.Process) -> dict[str, float]:
    """Seconds that an analyst waits, and the console's memory at the end."""
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(address)  # the browser keeps Streamlit's own files from now on
        page.get_by_role("heading", name="Since yesterday").wait_for()
        page.wait_for_timeout(1000)
        page.locator(_IDLE).wait_for()  # or the sums of the runs would count as what comes next

        def painted() -> None:
            page.wait_for_function(_PAINTED, polling="raf")

        def timed(name: str, act: Callable[[], Any]) -> None:
            before = sum(process.cpu_times()[:2])
            found[f"{name}_s"] = _once(act)
            page.wait_for_timeout(1000)
            page.locator(_IDLE).wait_for()
            found[f"{name}_cpu_s"] = sum(process.cpu_times()[:2]) - before

        timed("first_paint", lambda: (page.goto(f"{address}/inspections"), painted()))

        def choose(name: str) -> None:
            page.get_by_role("button", name=name).click()
            page.locator(f".badge.{name[2:]}").nth(11).wait_for()

        timed("filter", lambda: choose("✕ FAIL"))

        def open_trace() -> None:
            page.locator('[data-testid="stPageLink-NavLink"]').first.click()
            page.locator(".story .line").wait_for()
            page.locator(".viewer img").first.wait_for()

        timed("trace", open_trace)

        page.goto(f"{address}/runs")
        page.locator(_IDLE).wait_for()
        page.wait_for_timeout(1500)

        def wrong() -> None:
            page.get_by_role("link", name="wrong verdicts").click()
            page.get_by_role("heading", name="Inspections").wait_for()
            page.locator(".chip.wrong").nth(11).wait_for()

        timed("wrong", wrong)

        page.goto(address)
        page.locator(_IDLE).wait_for()
        page.locator('[data-testid="stSelectbox"] input').first.click()

        def longer() -> None:
            page.get_by_role("option", name="90 days").click()
            page.get_by_text("90 days before").wait_for()
            page.locator('[data-testid="stVegaLiteChart"] :is(canvas, svg)').first.wait_for()

        timed("morning", longer)

        def charts() -> None:
            page.goto(f"{address}/reliability")
            page.locator('[data-testid="stVegaLiteChart"] :is(canvas, svg)').nth(1).wait_for()

        timed("reliability", charts)
        found |= review(page, address)
        for path in ("review", "inspections?text=bright%20line", "export"):
            page.goto(f"{address}/{path}")
            page.wait_for_timeout(1500)
            page.locator(_IDLE).wait_for()
        browser.close()
    found["memory_mb"] = process.memory_info().rss / 1e6
    return found


def review(page: Any, address: str) -> dict[str, float]:
    """Strokes for the first parts of the queue, and the longest wait for the next picture."""
    page.goto(f"{address}/review")
    page.wait_for_function(f"{_BENCH}.length === 1", polling="raf")
    page.wait_for_timeout(1000)
    strokes, waits = 0, []
    for number in range(QUEUE):
        page.wait_for_timeout(THINKING)
        before = page.evaluate(_BENCH)
        marked = number % 10 == 5
        for key in ("b", "3") if marked else ("1" if number % 2 else "2",):
            page.keyboard.press(key)
            strokes += 1

        def save(before: list[str] = before) -> None:
            page.keyboard.press("Enter")
            page.wait_for_function(
                f"before => {{ const now = {_BENCH}; return now.length && now[0] !== before; }}",
                arg=before[0],
                polling="raf",
            )

        waits.append(_once(save))
        strokes += 1

    def beside() -> None:
        page.keyboard.press("r")
        page.wait_for_function(f"{_BENCH}.length === 2", polling="raf")

    reference = _once(beside)
    return {"queue_strokes": strokes, "next_part_s": max(waits), "reference_s": reference}


def _once(act: Callable[[], Any]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _best(act: Callable[[], Any]) -> float:
    return min(_once(act) for _ in range(3))


def _started(url: str, port: int) -> tuple[subprocess.Popen[bytes], float]:
    words = ["-m", "reinspect", "ui", "--store", url, "--reviewer", "B", f"--server.port={port}"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words, "--server.headless=true"], stdout=subprocess.DEVNULL
    )
    while process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
            return process, time.perf_counter() - start
        time.sleep(0.02)
    raise RuntimeError("the console ended")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inspections", type=int, default=100_000)
    parser.add_argument("--store", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        store = asked.store or Path(folder) / "made.db"
        if not store.exists():
            made_store(str(store), store.parent / "run", asked.inspections)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        found = queries(str(store))
        process, found["start_s"] = _started(str(store), port)
        try:
            found |= browse(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(20)
    missed = [name for name, goal in GOALS.items() if found[name] > goal]
    missed += [name for name in found if name.startswith("query") and found[name] > 0.5]
    rounded = {name: round(value, 3) for name, value in found.items()}
    print(json.dumps({**rounded, "load": psutil.getloadavg()[0], "missed": missed}, indent=2))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
