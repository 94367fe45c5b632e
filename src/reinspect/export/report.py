"""The report of a run: one HTML page that needs nothing else, to read, filter and print.

The images that need a person most come first and get pictures; the others are rows of a table.
What comes from files and models is text on the page, never markup: the template escapes it, and the
page's own policy lets no script run but the report's.
"""

import base64
import hashlib
import heapq
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment

from reinspect.export.templates import templates
from reinspect.export.thumbnails import Thumbnail, thumbnails
from reinspect.files import whole_file
from reinspect.pictures import HEAT_MAP
from reinspect.store import Inspected, Store
from reinspect.trace import Trace
from reinspect.vocabulary import Defect, Evidence, Explanation, Outcome

PICTURED = 400
"""Images with pictures; 15 to 40 kB each."""
LISTED = 20_000
"""Images in the table; about 0.6 kB each."""

_SIDE = 256  # pixels of a picture's longer side
_LONGEST = 600  # characters of a text
_URGENCY = {Outcome.REVIEW: 0, Outcome.FAIL: 1, Outcome.PASS: 3}
_CORRECTED = 2


class ReportCard(NamedTuple):
    """An image with its pictures and the story of its verdict."""

    found: Inspected
    photo: Thumbnail
    heat: Thumbnail | None
    first: tuple[Defect, ...]
    final: tuple[Defect, ...]
    explanation: Explanation | None
    evidence: tuple[Evidence, ...]


def write_report(
    store: Store,
    run_id: int,
    out: Path,
    *,
    pictures: Path | None = None,
    pictured: int = PICTURED,
    listed: int = LISTED,
) -> None:
    """Write the report, whole or not at all.

    Args:
        store: that has the run.
        run_id: of the run to report on.
        out: the HTML file.
        pictures: folder that the paths of heat-maps are relative to; the run's own if not given.
        pictured: how many images get pictures.
        listed: how many images get a row in the table.

    Raises:
        WriteError: the file can't be written.
        StoreError: the store can't be read.
    """
    run = store.run_of(run_id)
    folder = pictures or Path(run.folder or ".")
    urgent = heapq.nsmallest(pictured, store.inspections(run.id), key=urgency)
    environment = _environment()
    loader = environment.loader
    assert loader is not None
    style, script = (
        loader.get_source(environment, name)[0] for name in ("report.css", "report.js.j2")
    )
    tally = store.tally(run.id)
    page = environment.get_template("report.html.j2").generate(
        run=run,
        tally=tally,
        cards=(_card(store, folder, found) for found in urgent),
        pictured=len(urgent),
        rows=islice(store.inspections(run.id), listed),
        listed=min(listed, tally.images),
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    with whole_file(out) as file:
        for piece in page:
            file.write(piece.encode("utf-8", "backslashreplace"))


def urgency(found: Inspected) -> tuple[int, float, str]:
    """Sort key: REVIEW, FAIL, corrected, PASS, and of each the least reliable first.

    An image without a verdict, of which there is little to see, comes last of its kind.
    """
    row = found.row
    rank = _URGENCY[row.disposition]
    if row.disposition is Outcome.PASS and row.revised:
        rank = _CORRECTED
    return rank, 2.0 if row.reliability is None else row.reliability, row.image


def _card(store: Store, folder: Path, found: Inspected) -> ReportCard:
    trace = store.trace_of(found.id)
    row = found.row
    first, final = (
        row.first.defects if row.first else (),
        row.verdict.defects if row.verdict else (),
    )
    photo, heat = thumbnails(found.path, _heat_map(trace, folder), _SIDE)
    return ReportCard(
        found=found,
        photo=photo,
        heat=heat,
        first=() if first == final else first,
        final=final,
        explanation=trace.last(Explanation),
        evidence=trace.evidence,
    )


def _heat_map(trace: Trace, folder: Path) -> Path | None:
    """The newest heat-map of the trace, if any tool made one."""
    pictures = (picture for found in trace.evidence for picture in found.pictures)
    maps = [picture.path for picture in pictures if picture.shows == HEAT_MAP]
    return folder / maps[-1] if maps else None


def _environment() -> Environment:
    return templates(
        "reinspect.export",
        number=_number,
        signed=partial(_number, sign="+"),
        brief=_brief,
        percent=_percent,
    )


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.2f}".replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:.3f}"


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
