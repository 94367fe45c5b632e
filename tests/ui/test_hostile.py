"""Whatever people, models and files call things is text on every page of the console."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reinspect.dataset import NewReference, ReferenceVersions
from reinspect.images import sha256_of
from reinspect.pictures import write_image
from reinspect.store import NewCaption, RunInfo, Store
from reinspect.vocabulary import Box, Defect, Label, Outcome, Truth, Verdict, View
from support.browser import Site, browsing, console, found_by_axe, idle, need_browser
from support.local_server import free_port
from support.made_traces import judged, unreadable
from support.starting import marking

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EVIL = "<img src=x data-evil onerror=evil()> **[x](javascript:evil())** :red[y]"
PAGES = (
    "", "runs", "inspections", "inspections?layout=Table", "trace?id=1", "trace?id=3",
    "trace?id=1&judge-1=true", "review?audit=100", "conflicts", "references", "types", "captions",
    "reliability", "compare", "export",
)  # fmt: skip


@pytest.fixture
@marking(pytest.mark.browser)
def hostile(tmp_path: Path) -> Iterator[Site]:
    """Two runs in which everything is called as badly as can be."""
    need_browser()
    part, known = tmp_path / "part.png", tmp_path / "known.png"
    write_image(part, np.full((48, 64, 3), 90, np.uint8))
    write_image(known, np.full((48, 64, 3), 80, np.uint8))
    plates = ReferenceVersions(tmp_path / "<img src=x data-evil onerror=evil()>")
    plates.add([NewReference(str(known), "known")], who=EVIL, why=EVIL)
    versions = {"references": f"version 1 of {plates.folder.absolute()}"}
    named = Verdict.of(
        0.9,
        rationale=EVIL,
        defects=(Defect(box=Box(0.1, 0.1, 0.5, 0.5), score=1.0, type=EVIL),),
    )
    with Store.open(tmp_path / "reinspect.db") as store:
        for name, verdict in ((f"a {EVIL}", named), (f"b {EVIL}", Verdict.of(0.1, rationale=EVIL))):
            run = store.begin_run(
                RunInfo(
                    name=name,
                    recipe="detector: embedded\n",
                    tags={"line": EVIL},
                    versions=versions,
                )
            )
            with store.writer(run) as writer:
                outcome = Outcome.FAIL if verdict is named else Outcome.PASS
                trace = judged(EVIL, verdict.probability, outcome, path=str(part))
                view = View(path=str(part), sha256=sha256_of(part), size=(64, 48))
                sample = trace.sample.model_copy(update={"category": EVIL, "views": (view,)})
                first = trace.steps[0].model_copy(update={"products": (verdict,)})
                steps = (first, *trace.steps[1:])
                writer.write(trace.model_copy(update={"sample": sample, "steps": steps}))
                writer.write(unreadable(f"broken {EVIL}", error=EVIL))
            store.write_truth(run, {EVIL: Truth(label=Label.ANOMALOUS, types=(EVIL,))})
        store.browse.review(1, named, reviewer=EVIL, why=EVIL)
        store.browse.review(1, Verdict.of(0.0), reviewer="Bob", why=EVIL)
        store.queue.comment(1, EVIL, author=EVIL)
        store.browse.add_captions(
            [NewCaption(inspection_id=1, mode="thinking", text=EVIL, source=EVIL)]
        )
    where = tmp_path / "reinspect.db"
    with console(where, tmp_path / "log", free_port(), "--reviewer", EVIL) as site:
        yield site


def test_what_things_are_called_is_text_on_every_page(hostile: Site) -> None:
    with browsing(hostile.address) as page:
        for path in PAGES:
            page.goto(f"{hostile.address}/{path}")
            page.locator("h1").first.wait_for()
            page.get_by_text("data-evil").first.wait_for()  # the reviewer's name, at least
            idle(page)
            assert page.locator("[data-evil]").count() == 0, path
            assert page.locator("a", has_text="x").get_by_text("x", exact=True).count() == 0, path
            assert page.locator('[data-testid="stException"]').count() == 0, path
            if path in ("conflicts", "references"):  # which are empty elsewhere
                assert found_by_axe(page) == []
