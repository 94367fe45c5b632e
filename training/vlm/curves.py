"""Curves of a training: the figures as JSON, and one picture of them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reinspect.files import write_file, write_json

_PANELS = (
    ("loss", ("loss",)),
    ("reward", ("reward", "rewards/consistency/mean", "rewards/accuracy/mean",
                "rewards/reflection/mean")),
    ("share", ("mean_token_accuracy", "uniform", "uniform at first", "revised", "first wrong")),
    ("KL", ("kl",)),
    ("tokens", ("completions/mean_length",)),
)  # fmt: skip
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")  # Okabe and Ito's
_WIDE, _HIGH, _EDGE = 640, 160, 48


def write_curves(history: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write `curves.json` (all logged figures, one object a step) and `curves.svg`."""
    rows = [dict(row) for row in history]
    write_json(folder / "curves.json", rows)
    write_file(folder / "curves.svg", curves_svg(rows))


def curves_svg(history: Sequence[Mapping[str, Any]]) -> str:
    """The curves as SVG, a panel for what shares an axis; "" points are left out."""
    panels = list[str]()
    for title, names in _PANELS:
        lines = {name: _points(history, name) for name in names}
        lines = {name: points for name, points in lines.items() if len(points) > 1}
        if lines:
            panels.append(_panel(title, lines, top=len(panels) * (_HIGH + _EDGE)))
    height = max(1, len(panels)) * (_HIGH + _EDGE)
    style = "font: 12px sans-serif; background: white"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE + 4 * _EDGE} {height}" '
        f'style="{style}">{"".join(panels)}</svg>\n'
    )


def _points(history: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    found = [(row.get("step"), row.get(name)) for row in history]
    return [
        (float(step), float(value))
        for step, value in found
        if isinstance(step, int | float) and isinstance(value, int | float) and math.isfinite(value)
    ]


def _panel(title: str, lines: Mapping[str, Sequence[tuple[float, float]]], *, top: int) -> str:
    points = [point for line in lines.values() for point in line]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    wide, tall = (right - left) or 1.0, (high - low) or 1.0

    def at(x: float, y: float) -> str:
        return (
            f"{_EDGE + (x - left) / wide * _WIDE:.1f},"
            f"{top + _EDGE / 2 + (high - y) / tall * _HIGH:.1f}"
        )

    drawn_lines = []
    for index, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        path = " ".join(at(x, y) for x, y in line)
        drawn_lines.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{path}"/>'
            f'<text x="{_EDGE + _WIDE + 8}" y="{top + _EDGE / 2 + 14 * (index + 1)}" '
            f'fill="{colour}">{escape(name)}</text>'
        )
    middle = top + _EDGE / 2
    return (
        f'<rect x="{_EDGE}" y="{middle}" width="{_WIDE}" height="{_HIGH}" fill="none" '
        f'stroke="#ccc"/>{"".join(drawn_lines)}'
        f'<text x="4" y="{middle + 10}">{high:.3g}</text>'
        f'<text x="4" y="{middle + _HIGH}">{low:.3g}</text>'
        f'<text x="{_EDGE}" y="{middle + _HIGH + 14}">step {left:.0f}</text>'
        f'<text x="{_EDGE + _WIDE - 40}" y="{middle + _HIGH + 14}">{right:.0f}</text>'
        f'<text x="{_EDGE + _WIDE / 2}" y="{middle - 4}">{escape(title)}</text>'
    )
