"""The report of a run: one HTML page that needs nothing else, to read, filter and print.

The images that need a person most come first and get pictures; the others are rows of a table.
What comes from files and models is text on the page, never markup: the template escapes it, and the
page's own policy lets no script run but the report's.
"""

import heapq
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment

from reinspect.export import appearance
from reinspect.export.appearance import LABEL_MARKS, number
from reinspect.export.pages import PageScript, asset, inside_script, templates
from reinspect.export.scene import Places, digest, newest_heat_map
from reinspect.export.story import Told
from reinspect.export.thumbnails import Thumbnail, heated, thumbnails
from reinspect.files import whole_file
from reinspect.images import Pixels
from reinspect.store import Inspected, Store
from reinspect.vocabulary import Evidence, Explanation, Outcome

PICTURED = 400
"""Images with pictures."""
LISTED = 20_000
"""Images in the table; about 0.6 kB each."""

ENLARGED = 24
"""Images whose pictures have enough pixels to be looked at closely."""

_SIDE, _CLOSE = 256, 1024  # pixels of a picture's longer side
_LONGEST = 600  # characters of a text
_URGENCY = {Outcome.REVIEW: 0, Outcome.FAIL: 2, Outcome.PASS: 4}
_WRONG, _CORRECTED = 1, 3


class ShownView(NamedTuple):
    """A view of a part as its card shows it."""

    name: str | None
    id: str
    """Of the picture in the page, from which the viewer takes it."""
    photo: Thumbnail
    layers: Sequence[Mapping[str, Any]]
    """What lies over it."""


class ReportCard(NamedTuple):
    """An image with its pictures and the story of its verdict."""

    found: Inspected
    views: tuple[ShownView, ...]
    """The one that decided comes first."""
    heat: Thumbnail | None
    good: Thumbnail | None
    """The good part that is most alike, of the first view."""
    scenes: str
    """JSON of the viewer's scenes; those of `views`. Empty where no picture can be shown."""
    explanation: Explanation | None
    evidence: tuple[Evidence, ...]


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
    rights = Rights()
    every = rights.counting(store.inspections(run.id))
    urgent = heapq.nsmallest(pictured, every, key=urgency)
    environment = _environment()
    script = PageScript.with_viewer(asset("report.js"))
    tally = store.tally(run.id)
    page = environment.get_template("report.html.j2").generate(
        run=run,
        tally=tally,
        rights=rights,
        cards=_cards(store, pictures, urgent),
        pictured=len(urgent),
        rows=islice(store.inspections(run.id), listed),
        listed=min(listed, tally.images),
        style=appearance.style() + asset("report.css") + asset("viewer.css"),
        mark=appearance.mark(),
        icon=appearance.icon(),
        script=script,
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


def usable_cores() -> int:
    """How many cores this process may use: a container or a batch system may have given few."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cards(store: Store, folder: Path | None, urgent: Iterable[Inspected]) -> Iterator[ReportCard]:
    """Their cards in the same order, some drawn ahead: most of it is work on pictures."""
    ahead = usable_cores()
    with ThreadPoolExecutor(ahead) as pool:
        drawn: deque[Future[ReportCard]] = deque()
        for place, found in enumerate(urgent):
            told = Told.of(store, found.id)
            if folder is not None:
                told = told._replace(places=Places(folder))
            drawn.append(pool.submit(_card, told, _CLOSE if place < ENLARGED else _SIDE))
            if len(drawn) > ahead:
                yield drawn.popleft().result()
        while drawn:
            yield drawn.popleft().result()


def _card(told: Told, side: int) -> ReportCard:
    found = told.found
    trace, heat, good = told.trace, None, None
    views: list[ShownView] = []
    scenes: list[dict[str, Any]] = []
    for place, view in enumerate(told.views or (None,)):
        pictures: list[Pixels] = []
        scene = told.scene_of(view, side, light=True, shown=pictures.append)
        own = trace.by_view.get(view or "", trace)
        photo = Thumbnail(scene["photo"], scene["width"], scene["height"])
        made = newest_heat_map(own.evidence) if not place else None
        kept = told.places.file(made) if made else None
        if photo.data is None:
            named = next(it for it in trace.sample.views if it.name == view)
            photo, heat_alone = thumbnails(named.path, kept, _SIDE, named)
            heat = heat_alone if kept else heat
        elif kept:
            heat = heated(pictures[0], kept, _SIDE)
        if not place and scene["reference"]:
            good = Thumbnail(scene["reference"]["src"], scene["width"], scene["height"])
        over = tuple(filter(_at_once, scene["layers"]))
        shown = ShownView(view, f"i{found.id}-{place}", photo, over)
        views.append(shown)
        offline = _without(scene, shown, leads=not place)
        scenes.append({"name": view, "scene": offline, "whole": None})
    return ReportCard(
        found=found,
        views=tuple(views),
        heat=heat,
        good=good,
        scenes=inside_script(scenes) if any(it["scene"]["photo"] for it in scenes) else "",
        explanation=trace.last(Explanation),
        evidence=trace.evidence,
    )


def _at_once(layer: Mapping[str, Any]) -> bool:
    """Whether a layer is on before anybody asks for it."""
    return layer["on"] and not layer.get("missing")


def _without(scene: Mapping[str, Any], shown: ShownView, *, leads: bool) -> dict[str, Any]:
    """A scene that takes from the card what stands there: each picture is in the page once."""
    key = digest(dict(scene))
    if not scene["photo"]:
        return {**scene, "key": key, "more": False}
    layers = [dict(one) for one in scene["layers"]]
    for place, one in enumerate(filter(_at_once, layers)):
        if "src" in one:
            one["src"] = f"#{shown.id}-{place}"
    photo = f"#{shown.id}"
    good = scene["reference"]
    if good and leads:
        good = {**good, "src": f"#{shown.id}-good"}
    return {**scene, "photo": photo, "layers": layers, "reference": good, "key": key, "more": False}


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
