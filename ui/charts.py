"""Charts, by Altair: each says in words what it shows, and no meaning rests on colour alone."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from reinspect.metrics import Bin, risk_coverage
from reinspect.ui.words import BLUE, GREY, ORANGE

_POINTS = 400  # of a curve; more than a screen shows
_LEAST_RISK = 0.05  # that the axis has room for: a curve of no errors lies on the ground


def diagram(bins: Sequence[Bin]) -> Any:
    """Reliability diagram: confidence against the share of right labels."""
    bars = pd.DataFrame(
        [
            {"confidence": b.confidence, "share right": b.right, "images": b.n}
            for b in bins
            if b.n and b.confidence is not None
        ]
    )
    even = pd.DataFrame({"x": [0.5, 1.0], "y": [0.5, 1.0]})
    x = alt.X("confidence:Q", scale=alt.Scale(domain=[0.5, 1]), title="mean confidence of the bin")
    y = alt.Y("share right:Q", scale=alt.Scale(domain=[0, 1]), title="share of right labels")
    line = alt.Chart(bars).mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y)
    points = (
        alt.Chart(bars)
        .mark_circle(color=BLUE, opacity=1)
        .encode(x=x, y=y, size=alt.Size("images:Q", legend=None), tooltip=list(bars.columns))
    )
    ideal = alt.Chart(even).mark_line(color=GREY, strokeDash=[5, 4]).encode(x="x:Q", y="y:Q")
    return (ideal + line + points).properties(height=300)


def curve(
    reliability: npt.NDArray[np.float64], hit: npt.NDArray[np.bool_], thresholds: Sequence[float]
) -> Any:
    """Risk–coverage curve; each threshold of reliability stands where it cuts."""
    coverage, risk = risk_coverage(reliability, hit)
    step = max(1, len(coverage) // _POINTS)
    points = pd.DataFrame({"coverage": coverage[::-step], "risk": risk[::-step]})
    x = alt.X(
        "coverage:Q",
        scale=alt.Scale(domain=[0, 1]),
        title="coverage: share decided without a person",
    )
    highest = max(_LEAST_RISK, 1.05 * float(points["risk"].max()))
    y = alt.Y("risk:Q", scale=alt.Scale(domain=[0, highest]), title="risk: share of wrong labels")
    chart = alt.Chart(points).mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=y)
    covered: dict[float, list[str]] = {}
    for cut in thresholds:  # those that cut at one place, to the digit that is shown, share a name
        covered.setdefault(round(float((reliability >= cut).mean()), 2), []).append(f"{cut:.2f}")
    cuts = pd.DataFrame(
        [
            {"coverage": place, "name": f"threshold {', '.join(dict.fromkeys(names))}", "row": row}
            for row, (place, names) in enumerate(covered.items())
        ]
    )
    if cuts.empty:
        return alt.layer(chart).properties(height=300)
    rule = (
        alt.Chart(cuts)
        .mark_rule(color=ORANGE, strokeDash=[6, 3], strokeWidth=2)
        .encode(x="coverage:Q")
    )
    text = (
        alt.Chart(cuts)
        .mark_text(align="right", dx=-5, color=ORANGE, fontWeight="bold")
        .encode(
            x="coverage:Q",
            # One above the other, so that no two overprint.
            y=alt.Y("row:Q", scale=alt.Scale(domain=[-0.5, 11.5]), axis=None),
            text="name:N",
        )
    )
    return alt.layer(chart + rule, text).resolve_scale(y="independent").properties(height=300)


def control_chart(days: pd.DataFrame) -> Any:
    """A p-chart: the fail rate of each day, and between which limits it differs by chance.

    Args:
        days: with `day`, `parts`, `fail rate`, `usual`, `lower limit`, `upper limit`, `beyond`.
    """
    x = alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", labelOverlap=True))
    percent = alt.Axis(format=".0%")
    base = alt.Chart(days)
    within = base.mark_area(interpolate="step", opacity=0.18, color=GREY).encode(
        x=x,
        y=alt.Y("lower limit:Q", title="share of FAIL", axis=percent),
        y2="upper limit:Q",
    )
    usual = base.mark_line(color=GREY, strokeDash=[5, 4]).encode(x=x, y="usual:Q")
    line = base.mark_line(color=BLUE, strokeWidth=2).encode(x=x, y="fail rate:Q")
    chosen = alt.selection_point(name="day", fields=["day"])
    points = (
        base.mark_point(filled=True, opacity=1, size=90)
        .encode(
            x=x,
            y="fail rate:Q",
            color=alt.condition("datum.beyond", alt.value(ORANGE), alt.value(BLUE)),
            shape=alt.condition("datum.beyond", alt.value("diamond"), alt.value("circle")),
            tooltip=[
                alt.Tooltip("day:T", format="%a %d %b"),
                "parts:Q",
                alt.Tooltip("fail rate:Q", format=".2%"),
                alt.Tooltip("lower limit:Q", format=".2%"),
                alt.Tooltip("upper limit:Q", format=".2%"),
            ],
        )
        .add_params(chosen)
    )
    return (within + usual + line + points).properties(height=260)
