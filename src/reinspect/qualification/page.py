"""`qualification.html`: one page that needs nothing but a browser, for whoever buys or runs a line.

What comes from files is text on it, never markup.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from markupsafe import Markup

from reinspect.export.pages import templates
from reinspect.export.thumbnails import Thumbnail, jpeg, thumbnails
from reinspect.files import write_file
from reinspect.qualification.detection import (
    DamageOrigin,
    Detection,
    DetectionLimits,
    SizeLimit,
    pixels,
)
from reinspect.qualification.findings import DamageExample, Findings
from reinspect.qualification.plot import learning_plot, pod_plot

Pictures = Mapping[str, bytes | Path]
Length = Callable[[SizeLimit | float | None], str]

_SIDE, _QUALITY = 320, 85  # pixels of a picture's longer side
_HARDEST = 3
_NAMED = 300  # width of a plot from which its sizes are named in it
_DAMAGE = {DamageOrigin.DRAWN: "drawn damage", DamageOrigin.REAL: "damage"}


class PicturedExample(NamedTuple):
    """An example of damage, as the page shows it."""

    example: DamageExample
    picture: Thumbnail


class KindPlot(NamedTuple):
    """One of the small multiples."""

    limits: DetectionLimits
    plot: Markup


def write_page(
    findings: Findings, out: str | os.PathLike[str], pictures: Pictures | None = None
) -> None:
    """Write the `page`, whole or not at all.

    Raises:
        WriteError: it can't be written.
    """
    write_file(out, page(findings, pictures))


def page(findings: Findings, pictures: Pictures | None = None) -> str:
    """The page as HTML.

    Args:
        findings: what it is of; what is empty there is not on the page.
        pictures: by the names that examples give them, files or the bytes of PNG or JPEG. Where one
            is missing or can't be read, the page says so.
    """
    detection, mm, learning = findings.detection, findings.mm_per_pixel, findings.learning
    length = _length(mm)
    span = _span(detection)

    def plot(limits: DetectionLimits, width: float, height: float) -> Markup:
        drawing = pod_plot(
            limits, width=width, height=height, span=span, mm_per_pixel=mm, named=width > _NAMED
        )
        return Markup(drawing)  # noqa: S704 - its template has escaped what it says

    def in_mm(px: float) -> str:
        return "" if mm is None else _millimetres(px * mm)

    environment = templates("reinspect.qualification", px=length, mm=in_mm, percent=_percent)
    return environment.get_template("qualification.html.j2").render(
        findings=findings,
        detection=detection,
        overall=detection.overall,
        drawn=detection.origin is DamageOrigin.DRAWN,
        damage=_DAMAGE[detection.origin],
        first_sentence=first_sentence(detection, length),
        hardest=_hardest(detection),
        wide=plot(detection.overall, 900, 340),
        narrow=plot(detection.overall, 350, 300),
        kinds=[KindPlot(limits, plot(limits, 290, 210)) for limits in detection.kinds],
        kind_notes=_notes(detection),
        found=_pictured(findings, pictures or {}, detected=True),
        missed=_pictured(findings, pictures or {}, detected=False),
        learning=Markup(learning_plot(learning))  # noqa: S704 - as above
        if learning and learning.points
        else None,
    )


def answer(findings: Findings) -> str:
    """The first sentence of its page, for a terminal."""
    said = first_sentence(findings.detection, _length(findings.mm_per_pixel))
    return said.replace("\N{NO-BREAK SPACE}", " ")


def first_sentence(detection: Detection, length: Length) -> str:
    """What this inspection will find on the part: the buyer's question, answered."""
    found, damage = detection.overall, _DAMAGE[detection.origin]
    promise, estimate = found.a90_95, found.a90
    if promise.px is not None:
        return (
            f"It finds {damage} of {length(promise)} or longer in at least nine of ten cases, "
            "with 95 % confidence."
        )
    if promise.why.startswith("below"):
        return (
            f"It finds {damage} of every size that was tried, {length(found.smallest)} or longer, "
            "in at least nine of ten cases, with 95 % confidence."
        )
    if not found.curve and detection.pictures is not None:
        seen = detection.pictures
        return (
            f"It found {seen.k} of {seen.n} defective parts: at least {_percent(seen.bound)} of "
            "such parts, with 95 % confidence."
        )
    if not found.curve:
        return f"What it finds is {promise.why}."
    if estimate.px is not None:
        return (
            f"It seems to find {damage} of {length(estimate)} or longer in nine of ten cases, but "
            f"{found.n} trials don't prove it with 95 % confidence."
        )
    if estimate.why.startswith("below"):
        return f"It seems to find {damage} of every size, but that is {promise.why}."
    return (
        f"It can't be relied on to find {damage} of {length(found.smallest)} to "
        f"{length(found.largest)}: of {found.n} trials it found {found.found}, and no size in nine "
        "of ten cases."
    )


def _hardest(detection: Detection) -> list[DetectionLimits]:
    """Kinds that are found worst: the largest a90, or none."""
    curves = [it for it in detection.kinds if it.curve]
    if len(curves) <= _HARDEST:
        return []

    def hard(limits: DetectionLimits) -> tuple[bool, float, float]:
        at = limits.a90
        none = at.px is None and not at.why.startswith("below")
        return none, at.px or 0.0, -limits.found / limits.n

    return sorted(curves, key=hard, reverse=True)[:_HARDEST]


def _notes(detection: Detection) -> dict[str, list[str]]:
    """Each note with the kinds that it is of."""
    notes: dict[str, list[str]] = {}
    for limits in detection.kinds:
        for note in limits.notes:
            notes.setdefault(note, []).append(limits.kind or "")
    return notes


def _span(detection: Detection) -> tuple[float, float] | None:
    """Sizes on the axis, the same for all plots."""
    low, high = detection.overall.smallest, detection.overall.largest
    return None if low is None or high is None else (low, high)


def _length(mm_per_pixel: float | None) -> Length:
    def length(size: SizeLimit | float | None) -> str:
        if isinstance(size, SizeLimit):
            return size.why if size.px is None else length(size.px)
        if size is None:
            return "–"
        said = f"{pixels(size)} px"
        return f"{said} ({_millimetres(size * mm_per_pixel)})" if mm_per_pixel else said

    return length


def _millimetres(mm: float) -> str:
    return f"{mm:.2g} mm" if mm < 100 else f"{mm:.0f} mm"


def _pictured(findings: Findings, pictures: Pictures, *, detected: bool) -> list[PicturedExample]:
    chosen = (it for it in findings.examples if it.detected is detected)
    return [PicturedExample(it, _thumbnail(pictures.get(it.picture))) for it in chosen]


def _thumbnail(picture: bytes | Path | None) -> Thumbnail:
    if picture is None:
        return Thumbnail(None, missing="no picture")
    if isinstance(picture, Path):
        return thumbnails(picture, None, _SIDE)[0]
    pixels_of = (
        cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) if picture else None
    )
    if pixels_of is None:
        return Thumbnail(None, missing="not a picture")
    height, width = pixels_of.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(pixels_of, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Thumbnail(jpeg(small, _QUALITY), *size)


def _percent(share: float) -> str:
    percent = 100 * share
    return (
        f"{percent:.1f}\N{NO-BREAK SPACE}%" if percent < 10 else f"{percent:.0f}\N{NO-BREAK SPACE}%"
    )
