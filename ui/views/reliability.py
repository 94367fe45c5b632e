"""Reliability: what second looks changed, whether confidence holds, and what slips through."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
import yaml

from reinspect.cost import ModelCost
from reinspect.metrics import Bin, Ledger, aurc, bins_of, ece_of, wilson
from reinspect.policies import rules
from reinspect.store import Run
from reinspect.store.reliability import ReliabilityStep, SimilarVerdicts
from reinspect.ui import charts
from reinspect.ui.console import At, Console, cached, empty, opened
from reinspect.ui.views.runs import model_of
from reinspect.ui.words import percent


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    st.title("Reliability", anchor=False)
    if not console.runs:
        empty("There are no runs in this store yet.", "reinspect run PARTS --store STORE")
        return
    left, middle = st.columns([3, 1], vertical_alignment="bottom")
    asked = [name for name in st.query_params.get_all("run") if name in console.names]
    default = asked or list(console.names)[:1]
    names = left.multiselect("Runs", list(console.names), default=default, key="reliability_runs")
    share = middle.slider(
        "Audit share of PASS, %", 0, 100, 5, key="audit_share", bind="query-params"
    )
    st.query_params["run"] = names
    runs = [run for run in console.runs if run.name in names]
    if not runs:
        empty("Choose a run.")
        return
    key = tuple(run.id for run in runs)
    every, steps = _counted(console.at, key, share / 100)
    _headline(every, runs)
    _curves(every, steps, runs)
    _ledger(every)
    _estimates(every)
    _groups(every, "category", "Per category")
    models = {run.id: model_of(run) for run in runs}
    every = every.assign(model=every["run"].map(models))
    if every["model"].nunique() > 1:
        _groups(every, "model", "Per model")


def _headline(every: pd.DataFrame, runs: list[Run]) -> None:
    known = _known(every)
    cells = st.columns(6)
    figures: list[tuple[str, str, str]] = [
        ("Images", f"{_images(every):,}", "In these runs"),
        ("Truth known", f"{_images(known):,}", "From annotations or reviews"),
        ("Looked at twice", percent(_share(every, every["twice"])), "Share of the images"),
        ("Label changed", percent(_share(every, _flipped(every))), "By the second look"),
        ("Calibration error", _calibration(known), "ECE of the final verdict: 0 is best"),
        ("Answers not read", _parse_failures(runs), "Model answers that could not be read"),
    ]  # fmt: skip
    for cell, (name, value, about) in zip(cells, figures, strict=True):
        cell.metric(name, value, help=about)


def _calibration(known: pd.DataFrame) -> str:
    value = ece_of(_bins(known))
    return "–" if value is None else f"{value:.3f}"


def _bins(known: pd.DataFrame) -> tuple[Bin, ...]:
    hit = known["images"].where(known["label"] == known["truth"], 0)
    return bins_of(known["bin"].astype("int64"), known["images"], known["confidence"], hit)


def _parse_failures(runs: list[Run]) -> str:
    counted = [cost.unread for run in runs if (cost := ModelCost.of_counters(run.counters))]
    return f"{sum(counted):,}" if counted else "–"


def _curves(every: pd.DataFrame, steps: list[ReliabilityStep], runs: list[Run]) -> None:
    known = _known(every)
    if known.empty:
        st.info("No truth is known of these images, so nothing can be said of right and wrong. "
                "Annotations (an MVTec-style set) and reviews bring it.")  # fmt: skip
        return
    left, right_half = st.columns(2, gap="large")
    with left:
        st.header("Reliability diagram", anchor=False)
        st.altair_chart(charts.diagram(_bins(known)))
        st.caption(
            "On the dashed line, confidence is as good as its word; below it, the detector is "
            "surer than it should be. Larger points are more images."
        )
    with right_half:
        st.header("Risk and coverage", anchor=False)
        order, hit = _in_order(steps)
        st.altair_chart(charts.curve(order, hit, sorted({threshold_of(run) for run in runs})))
        area = aurc(order, hit)
        st.caption(f"Area under the curve {area:.3f}: lower is better." if area is not None else "")


def threshold_of(run: Run) -> float:
    """The least reliability that the run's recipe decides without a person."""
    try:
        recipe = yaml.safe_load(run.recipe)
        value = recipe["policies"]["disposition"]["reliability"]
    except (yaml.YAMLError, KeyError, TypeError):
        return rules.LEAST_RELIABILITY
    return float(value) if isinstance(value, int | float) else rules.LEAST_RELIABILITY


def _ledger(every: pd.DataFrame) -> None:
    st.header("What second looks changed", anchor=False)
    twice = _known(every[every["twice"]]).dropna(subset=["first"])
    if twice.empty:
        st.caption("No image with known truth was looked at twice.")
        return
    first, final, truth = (
        np.repeat((twice[name] == "anomalous").to_numpy(), twice["images"])
        for name in ("first", "label", "truth")
    )
    ledger = Ledger.count(first.astype(float), final.astype(float), truth)
    directions = ledger.by_direction
    tallies = {
        "normal → anomalous": directions.normal_to_anomalous,
        "anomalous → normal": directions.anomalous_to_normal,
        "both": ledger,
    }
    rows = [
        {
            "direction": name,
            "looked at twice": tally.revisited,
            "✓ fixed": tally.fixed,
            "✕ broken": tally.broken,
            "unchanged, right": tally.unchanged_right,
            "unchanged, wrong": tally.unchanged_wrong,
        }
        for name, tally in tallies.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Ledger of second looks by direction")


def _estimates(every: pd.DataFrame) -> None:
    st.header("Escapes and overkill", anchor=False)
    st.dataframe(pd.DataFrame(_rates(every)), hide_index=True, alt="Escape and overkill estimates")
    st.caption(
        "Intervals: Wilson, 95 %. The audit counts reviewed images of the random sample of PASS "
        "alone, so what a reviewer picked by suspicion doesn't bias it. Set the share as in the "
        "review queue. Of several runs each part counts once, as it was inspected last."
    )


def _rates(every: pd.DataFrame) -> list[dict[str, Any]]:
    every = every[every["newest"]]
    known = every.dropna(subset=["truth"])
    bad, good = known[known["truth"] == "anomalous"], known[known["truth"] == "normal"]
    passed = every[(every["outcome"] == "PASS") & every["audited"] & every["reviewed"]]
    failed = every[(every["outcome"] == "FAIL") & every["reviewed"]]
    return [
        _rate(
            "escape rate: PASS, of defective parts",
            "all known truth",
            bad,
            bad["outcome"] == "PASS",
        ),
        _rate(
            "overkill rate: FAIL, of good parts", "all known truth", good, good["outcome"] == "FAIL"
        ),
        _rate(
            "escapes among PASS: defective, of what passes",
            "PASS audit sample",
            passed,
            passed["truth"] == "anomalous",
        ),
        _rate(
            "overkill among FAIL: good, of what fails",
            "reviews of FAIL",
            failed,
            failed["truth"] == "normal",
        ),
    ]


def _rate(name: str, source: str, of: pd.DataFrame, hits: pd.Series) -> dict[str, Any]:
    n, k = _images(of), _images(of[hits])
    interval = wilson(k, n)
    span = "–" if interval is None else f"{percent(interval.low)} to {percent(interval.high)}"
    return {
        "rate": name,
        "from": source,
        "of": n,
        "found": k,
        "estimate": percent(k / n if n else None),
        "95 % interval": span,
    }


def _groups(every: pd.DataFrame, by: str, title: str) -> None:
    st.header(title, anchor=False)
    rows = []
    for name, group in every.groupby(every[by].fillna("–")):
        known = _known(group)
        escape, overkill, *_ = _rates(group)
        rows.append(
            {
                by: name,
                "images": _images(group),
                "truth known": _images(known),
                "labels right": percent(_share(known, known["label"] == known["truth"])),
                "calibration error": _calibration(known),
                "looked at twice": percent(_share(group, group["twice"])),
                "label changed": percent(_share(group, _flipped(group))),
                "REVIEW": percent(_share(group, group["outcome"] == "REVIEW")),
                "escapes": f"{escape['estimate']} ({escape['95 % interval']})",
                "overkill": f"{overkill['estimate']} ({overkill['95 % interval']})",
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt=title)


def _known(every: pd.DataFrame) -> pd.DataFrame:
    return every.dropna(subset=["truth", "label"])


def _flipped(every: pd.DataFrame) -> pd.Series:
    said = every["first"].notna() & every["label"].notna()
    return said & (every["first"] != every["label"])


def _images(groups: pd.DataFrame) -> int:
    return int(groups["images"].sum())


def _share(groups: pd.DataFrame, which: pd.Series) -> float | None:
    """Of the images: those of the groups that are named."""
    every = _images(groups)
    return _images(groups[which]) / every if every else None


def _in_order(
    steps: list[ReliabilityStep],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Reliability and whether the label is right, of each image."""
    order = np.repeat([one.reliability for one in steps], [one.images for one in steps])
    hit = [np.arange(one.images) >= one.wrong for one in steps]
    return order, np.concatenate(hit) if hit else np.zeros(0, bool)


@cached
def _counted(
    at: At, runs: tuple[int, ...], share: float
) -> tuple[pd.DataFrame, list[ReliabilityStep]]:
    statistics = opened(at.url).statistics
    groups = pd.DataFrame(statistics.similar(runs, share=share), columns=SimilarVerdicts._fields)
    flags = ("twice", "reviewed", "audited", "newest")
    groups = groups.astype({**dict.fromkeys(flags, bool), "images": "int64"})
    return groups, statistics.reliability(runs)
