"""Plots of a qualification as SVG that stands alone: on the page, in the console, in a file."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from reinspect.export.pages import templates
from reinspect.qualification.detection import DetectionLimits, pixels
from reinspect.qualification.findings import LearningCurve

_STEPS = (1, 2, 5)


class Frame(NamedTuple):
    """Where the data of a plot are, in its own units: right and down from the top left."""

    width: float
    height: float
    left: float = 46
    right: float = 14
    top: float = 14
    bottom: float = 44

    @property
    def inner(self) -> tuple[float, float]:
        """Width and height of the data's rectangle."""
        return self.width - self.left - self.right, self.height - self.top - self.bottom


class Tick(NamedTuple):
    """A mark of an axis."""

    at: float
    text: str
    below: str = ""


class PlotMark(NamedTuple):
    """A size of note on the plot."""

    at: float
    text: str
    anchor: str
    row: int
    top: float


def pod_plot(
    limits: DetectionLimits,
    *,
    width: float = 720,
    height: float = 340,
    span: tuple[float, float] | None = None,
    mm_per_pixel: float | None = None,
    named: bool = True,
) -> str:
    """The POD curve with its lower bound over size, log axis; dots are shares found, by size.

    Args:
        limits: of one kind or of all. Without a curve the plot is a frame with the reason in it.
        width: of the picture, in CSS pixels.
        height: of the picture.
        span: least and greatest size on the axis; those tried by default.
        mm_per_pixel: with it, sizes are told in mm as well.
        named: write a50, a90, a90/95 beside their lines; there is little room in a small plot.

    Returns:
        An `<svg>` element. Colours follow `--ink`, `--soft`, `--line`, `--mark`, where the page
        around it has them, else the reader's light or dark scheme.
    """
    frame = Frame(width, height, bottom=58 if mm_per_pixel else 44)
    low, high = span or (limits.smallest or 1.0, limits.largest or 100.0)
    if high <= low:
        low, high = low / 2, high * 2
    wide, tall = frame.inner

    def across(px: float) -> float:
        return round(wide * math.log(px / low) / math.log(high / low), 1)

    def down(share: float) -> float:
        return round(tall * (1 - share), 1)

    curve = [(across(p.px), down(p.probability), down(p.lower)) for p in limits.curve]
    sizes = (("a50", limits.a50), ("a90", limits.a90), ("a90/95", limits.a90_95))
    known = [(name, it.px) for name, it in sizes if it.px is not None and low <= it.px <= high]
    return _drawn(
        "pod.svg.j2",
        frame=frame,
        name=limits.kind or "all damage",
        missing="" if limits.curve else limits.a90.why,
        upper=_line([(x, y) for x, y, _ in curve]),
        lower=_line([(x, y) for x, _, y in curve]),
        band=_line([*((x, y) for x, y, _ in curve), *((x, y) for x, _, y in reversed(curve))]),
        dots=[
            (across(it.px), down(it.found / it.n), 2.5 + min(3.5, it.n / 12), it)
            for it in limits.groups
            if low <= it.px <= high
        ],
        marks=[
            PlotMark(
                across(px),
                f"{name} {pixels(px)}" if named else "",
                "end" if across(px) > wide - 60 else "start",
                row,
                down(0.5 if name == "a50" else 0.9),
            )
            for row, (name, px) in enumerate(known)
        ],
        rows=[Tick(down(share), f"{share:g}") for share in (0.0, 0.5, 0.9, 1.0)],
        columns=_columns(low, high, across, mm_per_pixel),
        both=mm_per_pixel is not None,
        pixels=pixels,
    )


def learning_plot(curve: LearningCurve, *, width: float = 480, height: float = 260) -> str:
    """A figure over the number of references, with the intervals that it has.

    Raises:
        ValueError: it has no points.
    """
    if not curve.points:
        raise ValueError("a learning curve without points can't be drawn")
    frame = Frame(width, height)
    wide, tall = frame.inner
    values = [v for p in curve.points for v in (p.value, p.low, p.high) if v is not None]
    low, high = min(values), max(values)
    room = max((high - low) * 0.1, abs(high) * 0.01, 1e-9)
    low, high = low - room, high + room
    most = max(point.references for point in curve.points)

    def down(value: float) -> float:
        return round(tall * (high - value) / (high - low), 1)

    points = [(round(wide * p.references / most, 1), down(p.value), p) for p in curve.points]
    return _drawn(
        "learning.svg.j2",
        frame=frame,
        name=curve.figure,
        line=_line([(x, y) for x, y, _ in points]),
        points=points,
        bars=[
            (x, down(p.low), down(p.high))
            for x, _, p in points
            if p.low is not None and p.high is not None
        ],
        rows=[Tick(down(v), f"{v:.3g}") for v in _even(low, high)],
        columns=[Tick(x, str(p.references)) for x, _, p in points],
    )


def _drawn(template: str, /, **values: object) -> str:
    return templates("reinspect.qualification").get_template(template).render(**values)


def _line(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _columns(
    low: float, high: float, across: Callable[[float], float], mm_per_pixel: float | None
) -> list[Tick]:
    """1, 2, 5, 10 … pixels; in a narrow range, too, three at least."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [step * 10.0**decade for decade in decades for step in _STEPS]
    inside = [value for value in values if low <= value <= high]
    if len(inside) < 3:
        inside = _even(low, high)
    return [
        Tick(across(px), f"{px:g}", "" if mm_per_pixel is None else f"{px * mm_per_pixel:.3g}")
        for px in inside
    ]


def _even(low: float, high: float) -> list[float]:
    """Round numbers between, three to six."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step = next(step * by for by in (5, 2, 1) if (high - low) / (step * by) >= 3 or by == 1)
    first = math.ceil(low / step)
    return [round(n * step, 10) for n in range(first, math.floor(high / step) + 1)]
