"""The report of a run: one HTML page that needs nothing else, to read, filter and print.

The images that need a person most come first and get pictures; the others are rows of a table.
What comes from files and models is text on the page, never markup: the template escapes it, and the
page's own policy lets no script run but the report's.
"""

import base64
import hashlib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment

from reinspect.export import appearance
from reinspect.export.appearance import LABEL_MARKS, number
from reinspect.export.scene import within
from reinspect.export.templates import templates
from reinspect.export.thumbnails import Thumbnail, thumbnails
from reinspect.files import whole_file
from reinspect.pictures import BESIDE, HEAT_MAP
from reinspect.store import Inspected, Store
from reinspect.trace import Trace
from reinspect.vocabulary import Defect, Evidence, Explanation, Outcome

PICTURED = 400
"""Images with pictures; 15 to 40 kB each."""
LISTED = 20_000
"""Images in the table; about 0.6 kB each."""

ENLARGED = 24
"""Images whose pictures have enough pixels to be looked at closely; 100 to 200 kB each."""

_SIDE, _CLOSE = 256, 640  # pixels of a picture's longer side
_LONGEST = 600  # characters of a text
_URGENCY = {Outcome.REVIEW: 0, Outcome.FAIL: 2, Outcome.PASS: 4}
_WRONG, _CORRECTED = 1, 3


class ReportCard(NamedTuple):
    """An image with its pictures and the story of its verdict."""

    found: Inspected
    photo: Thumbnail
    heat: Thumbnail | None
    beside: Thumbnail | None
    """The part beside the good part that it was compared with."""
    first: tuple[Defect, ...]
    final: tuple[Defect, ...]
    explanation: Explanation | None
    evidence: tuple[Evidence, ...]
    view: str | None = None
    """Which view is shown first; none of a part with one picture."""
    others: "tuple[OtherView, ...]" = ()


class OtherView(NamedTuple):
    """Another picture of a part with several views."""

    name: str
    photo: Thumbnail
    first: tuple[Defect, ...]
    final: tuple[Defect, ...]


@dataclass(slots=True)
class Rights:
    """How right the verdicts of a run were, of parts whose truth is known."""

    known: int = 0
    right: int = 0
    fixed: int = 0
    broken: int = 0

    def counting(self, every: Iterable[Inspected]) -> Iterator[Inspected]:
        """The same inspections, each counted as it goes by."""
        for found in every:
            row = found.row
            self.known += row.right is not None
            self.right += row.right is True
            self.fixed += row.fixed
            self.broken += row.broken
            yield found


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
    rights = Rights()
    every = rights.counting(store.inspections(run.id))
    urgent = heapq.nsmallest(pictured, every, key=urgency)
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
        rights=rights,
        cards=(
            _card(store, folder, found, _CLOSE if place < ENLARGED else _SIDE)
            for place, found in enumerate(urgent)
        ),
        pictured=len(urgent),
        rows=islice(store.inspections(run.id), listed),
        listed=min(listed, tally.images),
        style=appearance.style() + style,
        mark=appearance.mark(),
        icon=appearance.icon(),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    with whole_file(out) as file:
        for piece in page:
            file.write(piece.encode("utf-8", "backslashreplace"))


def urgency(found: Inspected) -> tuple[int, float, str]:
    """Sort key: REVIEW, wrong, FAIL, corrected, PASS, and of each the least reliable first.

    An image without a verdict, of which there is little to see, comes last of its kind.
    """
    row = found.row
    rank = _URGENCY[row.disposition]
    if row.right is False:
        rank = min(rank, _WRONG)
    elif row.disposition is Outcome.PASS and row.revised:
        rank = _CORRECTED
    return rank, 2.0 if row.reliability is None else row.reliability, row.image


def _card(store: Store, folder: Path, found: Inspected, side: int) -> ReportCard:
    trace = store.trace_of(found.id)
    row = found.row
    first, final = (
        row.first.defects if row.first else (),
        row.verdict.defects if row.verdict else (),
    )
    view = trace.leading
    shown = trace.by_view.get(view or "", trace)
    sample = shown.sample
    photo, heat = thumbnails(sample.path, _newest(shown, folder, HEAT_MAP), side, sample.views[0])
    beside = _newest(shown, folder, BESIDE)
    before = () if first == final else first
    others = tuple(
        OtherView(
            one.name,
            thumbnails(one.path, None, side, one)[0],
            within(before, one.name),
            within(final, one.name),
        )
        for one in trace.sample.views
        if one.name is not None and one.name != view
    )
    return ReportCard(
        found=found,
        photo=photo,
        heat=heat,
        beside=thumbnails(beside, None, side)[0] if beside else None,
        first=within(before, view),
        final=within(final, view),
        explanation=trace.last(Explanation),
        evidence=trace.evidence,
        view=view,
        others=others,
    )


def _newest(trace: Trace, folder: Path, shows: str) -> Path | None:
    """The newest picture of a kind in the trace, if any tool made one."""
    pictures = (picture for found in trace.evidence for picture in found.pictures)
    made = [picture.path for picture in pictures if picture.shows == shows]
    return folder / made[-1] if made else None


def _environment() -> Environment:
    return templates(
        "reinspect.export",
        number=number,
        signed=partial(number, sign="+"),
        labelled=LABEL_MARKS.__getitem__,
        brief=_brief,
        percent=_percent,
    )


def _percent(value: float) -> str:
    return f"{100 * value:.3f}"


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
