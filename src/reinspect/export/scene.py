"""The picture of one inspection with its layers, as plain data for the viewer.

Only files that the store lists are read: the part's picture as inspected, and what its evidence
shows, which must lie in the run's folder. A picture that is missing, or that has another content
than when it was inspected, is said to be so.
"""

import base64
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from reinspect.export.good_parts import FAINT, STRONG, ShownGoodPart, good_part
from reinspect.export.thumbnails import Thumbnail, jpeg, shrunk, webp
from reinspect.export.units import drawn, seen
from reinspect.files import digest_of
from reinspect.images import (
    Loaded,
    Mask,
    Pixels,
    UnreadableImage,
    decode_mask,
    fitted_mask,
    read_mask,
)
from reinspect.pictures import (
    COOL,
    HEAT_MAP,
    HOT,
    Heat,
    heat_map_layer,
    heat_map_picture,
    read_map,
)
from reinspect.store import Run
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Defect, Evidence, Picture, Region, Revision, Truth, Verdict, View

SIDE = 1600
"""Pixels of the longer side of the picture as shown; it is 100 to 400 kB."""

WHOLE = 8192
"""Pixels of the longer side at most where every pixel is asked for."""


class Places(NamedTuple):
    """Where a run's files are: its folder, as recorded or as `--runs` has it now."""

    folder: Path | None

    @classmethod
    def of(cls, run: Run, runs: Path | None = None) -> "Places":
        """The folder named after the run in `runs` if there is one, else the recorded one."""
        if runs is not None and (runs / Path(run.name).name).is_dir():
            return cls(runs / Path(run.name).name)
        return cls(Path(run.folder) if run.folder else None)

    def file(self, picture: Picture) -> Path | None:
        """The file of a picture, if it lies in the run's folder."""
        if self.folder is None:
            return None
        path = (self.folder / picture.path).resolve()
        return path if path.is_relative_to(self.folder.resolve()) else None


def scene(
    trace: Trace,
    places: Places,
    *,
    recipe: str = "",
    references: str = "",
    reviewed: Iterable[Defect] | None = None,
    annotated: Truth | None = None,
    view: str | None = None,
    blind: bool = False,
    side: int = SIDE,
    light: bool = False,
    shown: Callable[[Pixels], object] | None = None,
) -> dict[str, Any]:
    """What the viewer shows: the part's picture, its layers, and a good part beside it.

    Args:
        trace: of the part.
        places: where its run's files are.
        recipe: of its run, which may name references.
        references: those that its run names, a folder or a version of a set.
        reviewed: what a person found.
        annotated: what an annotation says of the part, of each view its own.
        view: which to show of several; the one to show first by default.
        blind: leave out name, boxes and masks: whoever reviews the part judges for themselves.
        side: pixels of the longer side.
        light: files of half the size that take longer to make, without what each step saw.
        shown: is given the part's picture, where there is one, before it is encoded.
    """
    coded = webp if light else jpeg
    view = view or trace.leading
    told, trace = trace, _of_view(trace, view)
    own = trace.sample.views[0]
    plain, why, loaded = _photo(trace.sample.path, trace.sample.sha256, side, own)
    photo = _for_people(plain, loaded, side)
    if shown is not None and photo is not None:
        shown(photo)
    size = (side, side * 3 // 4) if photo is None else (photo.shape[1], photo.shape[0])
    first = within(told.first.defects if told.first else (), view)
    final = within(told.verdict.defects if told.verdict else (), view)
    good = _good(trace, places, plain, recipe, references)
    people = tuple(within(reviewed or (), view))
    layers = [
        _boxes("First boxes", "first", first, on=bool(first) and first != final),
        _boxes("Final boxes", "final", final, on=True),
        _boxes("Reviewed boxes", "review", people, on=True),
        _masks("Reviewed masks", "review", people, size, on=True),
        *_annotation(
            annotated if annotated is None or view is None else annotated.of_view(view), size
        ),
        _boxes("Places looked at", "place", _places(trace), on=False),
        _masks("Masks", "final", final or first, size, on=False),
    ]
    over = [_heat(trace.evidence, places, size, light=light)]
    if good is not None and good.differs is not None:
        over.append(_laid("Difference", "D", good.differs, size, (FAINT, STRONG), light=light))
    stated = trace.sample.views[0].size
    return {
        "photo": None if photo is None else coded(photo),
        "missing": why,
        "width": size[0],
        "height": size[1],
        "more": stated is not None and photo is not None and max(stated) > max(size),
        "alt": ", ".join(filter(None, ("The part" if blind else trace.sample.id, view)))
        + ("" if blind else f", {len(final)} defects in the final verdict"),
        "layers": [layer for layer in (*(() if blind else layers), *over) if layer],
        "reference": good and {"src": coded(_shown(good, loaded, side)), "words": good.words},
        "steps": {} if blind or light else _steps(told, view, places, photo),
        "without": "" if good or photo is None else "no good part of it is at hand",
    }


def _of_view(trace: Trace, view: str | None) -> Trace:
    """What was done on a view; on one that nobody looked at nothing, but there is its picture."""
    if view is None:
        return trace
    return trace.by_view.get(view) or Trace(sample=trace.sample.of_view(view))


def within(defects: Iterable[Defect], view: str | None) -> tuple[Defect, ...]:
    """The defects in one view: all that name no other."""
    return tuple(defect for defect in defects if defect.view in (None, view))


def whole_picture(path: str) -> str | None:
    """A part's picture with every pixel that a browser can take; none where it can't be read."""
    plain, _, loaded = _photo(path, None, WHOLE)
    photo = _for_people(plain, loaded, WHOLE)
    return None if photo is None else jpeg(photo)


def thumbnail(path: str, sha256: str | None, side: int, view: View | None = None) -> Thumbnail:
    """A part's picture in small, and why where it is missing or has changed since."""
    plain, why, loaded = _photo(path, sha256, side, view)
    photo = _for_people(plain, loaded, side)
    if photo is None:
        return Thumbnail(None, missing=why)
    return Thumbnail(jpeg(photo), photo.shape[1], photo.shape[0], why)


def evidence_picture(
    picture: Picture,
    places: Places,
    *,
    under: str | Pixels | None = None,
    side: int = 480,
    view: View | None = None,
) -> Thumbnail:
    """A crop or comparison that evidence lists, or a heat-map in colour, laid on a part.

    Args:
        picture: as the evidence lists it.
        places: where its run's files are.
        under: the part's file, or its picture.
        side: the longer one, in pixels.
        view: that the file is of: it is read as that was.
    """
    path = places.file(picture)
    if path is None or not path.is_file():
        return Thumbnail(None, missing=f"{picture.shows}: the file is missing")
    if picture.shows == HEAT_MAP:
        try:
            heat = read_map(path)
        except ValueError:
            return Thumbnail(None, missing="heat-map: the file can't be read")
        photo = _under(under, side, view)
        scale = side / max(heat.shape)
        dark = np.zeros((*(max(1, round(length * scale)) for length in heat.shape), 3), np.uint8)
        pixels = heat_map_picture(dark if photo is None else photo, heat, low=COOL, high=HOT)
        return Thumbnail(jpeg(pixels), pixels.shape[1], pixels.shape[0])
    return thumbnail(str(path), picture.sha256, side)


def _shown(good: ShownGoodPart, loaded: Loaded | None, side: int) -> Pixels:
    shown = _for_people(good.pixels, loaded, side)
    return good.pixels if shown is None else shown


def _under(under: str | Pixels | None, side: int, view: View | None) -> Pixels | None:
    if not isinstance(under, str):
        return None if under is None else shrunk(under, side)
    plain, _, loaded = _photo(under, None, side, view)
    return _for_people(plain, loaded, side)


def _photo(
    path: str, sha256: str | None, side: int, view: View | None = None
) -> tuple[Pixels | None, str, Loaded | None]:
    """A picture as it was judged, what is wrong with it, and how it was read."""
    try:
        loaded = seen(path, side, view)
    except UnreadableImage as error:
        return None, f"The picture can't be shown: {error.what}.", None
    changed = sha256 is not None and loaded.sha256 != sha256
    why = "The file has changed since it was inspected." if changed else ""
    return shrunk(loaded.pixels, side), why, loaded


def _for_people(plain: Pixels | None, loaded: Loaded | None, side: int) -> Pixels | None:
    """The same in colours, where it is of values in a unit."""
    if plain is None or loaded is None:
        return plain
    return drawn(plain, loaded.scale, loaded.spectrogram, side)


def _good(
    trace: Trace, places: Places, photo: Pixels | None, recipe: str, references: str
) -> ShownGoodPart | None:
    if photo is None:
        return None
    beside = [p for it in trace.evidence for p in it.pictures if p.shows == "beside-reference"]
    kept = places.file(beside[-1]) if beside else None
    return good_part(recipe, trace.sample, photo, kept, references)


def _places(trace: Trace) -> list[Region]:
    return [region for piece in trace.products(Evidence) for region in piece.regions]


def _boxes(name: str, style: str, regions: Iterable[Region], *, on: bool) -> dict[str, Any] | None:
    boxes = [
        {"box": [round(corner, 5) for corner in region.box], "type": getattr(region, "type", None)}
        for region in regions
    ]
    return {"name": name, "style": style, "boxes": boxes, "on": on} if boxes else None


_LAID = (HEAT_MAP, "difference")  # pictures of evidence that lie over the part
_STEP_SIDE = 900
_LAID_SIDE = 640  # maps are smooth: more pixels show no more


def _evidence_of(step: Step) -> list[Evidence]:
    within = [it for one in step.products if isinstance(one, Verdict) for it in one.evidence]
    return [*within, *(one for one in step.products if isinstance(one, Evidence))]


def _found_by(step: Step) -> list[Region]:
    found: list[Region] = [region for it in _evidence_of(step) for region in it.regions]
    for one in step.products:
        verdict = one.after if isinstance(one, Revision) else one
        found += verdict.defects if isinstance(verdict, Verdict) else ()
    return found


def _laid_by(step: Step) -> list[Picture]:
    return [p for it in _evidence_of(step) for p in it.pictures if p.shows in _LAID]


def shows(step: Step) -> bool:
    """Whether a step found places, or kept a picture that lies over the part."""
    return bool(_found_by(step) or _laid_by(step))


def _steps(
    trace: Trace, view: str | None, places: Places, photo: Pixels | None
) -> dict[str, dict[str, Any]]:
    """What each step saw, by its place among those that were taken."""
    seen = {}
    for place, (step, _) in enumerate(trace.taken):
        if not shows(step) or step.view not in (None, view):
            continue
        laid, src = _laid_by(step), None
        if laid:
            src = evidence_picture(laid[-1], places, under=photo, side=_STEP_SIDE).data
        boxes = _boxes("", "place", _found_by(step), on=True)
        seen[str(place)] = {
            "name": step.tool or step.node,
            "boxes": boxes["boxes"] if boxes else [],
            "src": src,
        }
    return seen


_PAINTS = {
    "final": (46, 157, 255, 150),
    "review": (167, 121, 204, 150),
    "truth": (115, 158, 0, 150),
}
"""Style of a layer → blue, green, red and opacity of its masks."""


def _masks(
    name: str, style: str, regions: Iterable[Region], size: tuple[int, int], *, on: bool
) -> dict[str, Any] | None:
    masks = [region.mask for region in regions if region.mask is not None]
    if not masks:
        return None
    whole = np.zeros((size[1], size[0]), bool)
    for mask in masks:
        try:
            whole |= fitted_mask(decode_mask(mask), whole.shape)
        except ValueError:  # run lengths that don't fill their size: the boxes still show
            continue
    return _painted(name, style, whole, on=on)


def _annotation(said: Truth | None, size: tuple[int, int]) -> Iterator[dict[str, Any] | None]:
    """Boxes and mask of an annotation; the mask is shown where no box says where to look."""
    if said is None:
        return
    kinds = said.box_types or (said.types * len(said.boxes) if len(said.types) == 1 else ())
    named = zip_longest(said.boxes, kinds[: len(said.boxes)])
    boxes = [Defect(box=box, type=kind) for box, kind in named]
    yield _boxes("Annotated boxes", "truth", boxes, on=True)
    if said.mask is None:
        return
    name = "Annotated mask"
    try:
        mask = fitted_mask(read_mask(said.mask), (size[1], size[0]))
    except (OSError, UnreadableImage):
        yield {"name": f"{name} (missing)", "on": False, "missing": True}
        return
    yield _painted(name, "truth", mask, on=not boxes)


def _painted(name: str, style: str, mask: Mask, *, on: bool) -> dict[str, Any]:
    paint = mask.astype(np.uint8)
    drawn = np.dstack([paint * level for level in _PAINTS[style]])
    return {"name": name, "src": _png(drawn), "on": on, "paint": style}


def newest_heat_map(evidence: Iterable[Evidence]) -> Picture | None:
    """The last that any tool made; none where none did."""
    maps = [own for found in evidence for own in found.pictures if own.shows == HEAT_MAP]
    return maps[-1] if maps else None


def _heat(
    evidence: Iterable[Evidence], places: Places, size: tuple[int, int], *, light: bool
) -> dict[str, Any] | None:
    newest = newest_heat_map(evidence)
    if newest is None:
        return None
    path = places.file(newest)
    try:
        heat = read_map(path) if path else None
    except ValueError:
        heat = None
    if heat is None:
        return {"name": "Heat-map (missing)", "on": False, "missing": True}
    return _laid("Heat-map", "M", heat, size, (COOL, HOT), light=light)


def _laid(
    name: str,
    key: str,
    heat: Heat,
    size: tuple[int, int],
    reach: tuple[float, float],
    *,
    light: bool,
) -> dict[str, Any]:
    """A layer that shows a map in colours, clear where it is low."""
    less = min(0.5, _LAID_SIDE / max(size))
    shown = (max(1, round(size[0] * less)), max(1, round(size[1] * less)))
    low, high = reach
    drawn = heat_map_layer(heat, shown, low=low, high=high)
    return {"name": name, "src": webp(drawn) if light else _png(drawn), "on": False, "key": key}


def _png(bgra: Pixels) -> str:
    coded = cv2.imencode(".png", bgra)[1].tobytes()
    return f"data:image/png;base64,{base64.b64encode(coded).decode()}"


def digest(scene: dict[str, Any]) -> str:
    """A hash of what a scene shows: while it is the same, the viewer keeps zoom and drawing."""
    return digest_of(repr(scene))[:16]
