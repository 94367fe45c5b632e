"""Compare: two runs on the same images, what changed, and whether it got better."""

from typing import Any

import pandas as pd
import streamlit as st

from reinspect.cost import ModelCost
from reinspect.store import Run
from reinspect.store.statistics import Different, JudgedPair
from reinspect.ui import words
from reinspect.ui.console import At, Console, cached, empty, opened
from reinspect.ui.views.runs import model_of

_SHOWN = 50  # rows of a page
_TRACES = ("trace A", "trace B")
_OUTCOMES = ("PASS", "FAIL", "REVIEW")


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    st.title("Compare", anchor=False)
    names = list(console.names)
    if len(names) < 2:
        empty("Comparing takes two runs; this store has " + ("one." if names else "none."))
        return
    left, right = st.columns(2)
    asked = [st.query_params.get(name) for name in ("a", "b")]
    first = names.index(asked[0]) if asked[0] in names else 1
    second = names.index(asked[1]) if asked[1] in names else 0
    a = left.selectbox("Run A", names, index=first, key="compare_a")
    b = right.selectbox("Run B", names, index=second, key="compare_b")
    st.query_params.from_dict({"a": a, "b": b})
    if a == b:
        empty("Choose two different runs.")
        return
    runs = {run.name: run for run in console.runs}
    pairs = _pairs(console.at, runs[a].id, runs[b].id)
    if not pairs:
        empty("These runs have no image in common.")
        return
    _headline(pairs, runs[a], runs[b])
    _agreement(pairs)
    _changed(console, runs[a], runs[b], pairs)


def _headline(pairs: list[JudgedPair], a: Run, b: Run) -> None:
    total = sum(pair.images for pair in pairs)
    alike = sum(pair.images for pair in pairs if pair.label_a == pair.label_b)
    known = [pair for pair in pairs if pair.truth]
    better = sum(p.images for p in known if p.label_a != p.truth and p.label_b == p.truth)
    worse = sum(p.images for p in known if p.label_a == p.truth and p.label_b != p.truth)
    cells = st.columns(5)
    cells[0].metric("Images in both", f"{total:,}")
    cells[1].metric("Same label", words.percent(alike / total))
    cells[2].metric(
        "✓ Better in B",
        f"{better:,}",
        help="Wrong in A, right in B, where truth or a review is known",
    )
    cells[3].metric("✕ Worse in B", f"{worse:,}", help="Right in A, wrong in B")
    cells[4].metric("Truth known", f"{sum(pair.images for pair in known):,}")
    rows = []
    right_a = sum(p.images for p in known if p.label_a == p.truth)
    right_b = sum(p.images for p in known if p.label_b == p.truth)
    for name, run, seconds, right in (
        ("A", a, sum(p.seconds_a for p in pairs), right_a),
        ("B", b, sum(p.seconds_b for p in pairs), right_b),
    ):
        of = sum(pair.images for pair in known)
        cost = ModelCost.of_counters(run.counters)
        rows.append(
            {
                "run": f"{name}: {run.name}",
                "model": model_of(run),
                "labels right": words.percent(right / of if of else None),
                "seconds an image": seconds / total,
                "tokens": cost.tokens if cost else None,
                "USD": cost.known_usd if cost else None,
            }
        )
    st.dataframe(
        pd.DataFrame(rows).dropna(axis="columns", how="all"),
        hide_index=True,
        column_config={"seconds an image": st.column_config.NumberColumn(format="%.3f")},
        alt="Both runs' accuracy, latency and cost",
    )


def _agreement(pairs: list[JudgedPair]) -> None:
    st.header("Agreement", anchor=False)
    table = pd.DataFrame(
        0,
        index=pd.Index([f"A {o}" for o in _OUTCOMES], name="A \\ B"),
        columns=[f"B {o}" for o in _OUTCOMES],
    )
    for pair in pairs:
        table.loc[f"A {pair.disposition_a}", f"B {pair.disposition_b}"] += pair.images
    st.dataframe(table, alt="How often A's and B's outcomes meet", width=480)


def _changed(console: Console, a: Run, b: Run, pairs: list[JudgedPair]) -> None:
    total = sum(
        pair.images
        for pair in pairs
        if (pair.label_a, pair.disposition_a) != (pair.label_b, pair.disposition_b)
    )
    st.header(f"Changed images ({total:,})", anchor=False)
    if not total:
        st.caption("Both runs say the same of every image.")
        return
    last = -(-total // _SHOWN)
    at = st.number_input("Page", 1, last, 1, key="compare_page") if last > 1 else 1
    found = console.store.statistics.different(
        a.id, b.id, offset=(int(at) - 1) * _SHOWN, limit=_SHOWN
    )
    picked = st.dataframe(
        pd.DataFrame([_row(one) for one in found]),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            name: st.column_config.LinkColumn(display_text="open", help="In a new tab")
            for name in _TRACES
        },
        key=f"compare-{a.id}-{b.id}-{at}",
        alt="Images that the runs judge differently; select one for its traces",
    )
    rows = picked["selection"]["rows"]
    if not rows:
        st.caption("Select an image to open either trace here.")
        return
    one = found[rows[0]]
    left, right, _ = st.columns([1, 1, 3])
    for cell, name, key in ((left, "A", one.a), (right, "B", one.b)):
        cell.page_link(
            console.pages["trace"],
            label=f"Open trace in {name}",
            icon=":material/timeline:",
            query_params={"id": str(key)},
        )


def _row(one: Different) -> dict[str, Any]:
    change = ""
    if one.truth and one.label_a != one.label_b:
        change = "✓ better" if one.label_b == one.truth else "✕ worse"
    return {
        "image": one.image,
        "A": f"{one.label_a or 'no verdict'}, {one.disposition_a}",
        "B": f"{one.label_b or 'no verdict'}, {one.disposition_b}",
        "truth": one.truth or "–",
        "change": change,
        **{name: f"trace?id={key}" for name, key in zip(_TRACES, (one.a, one.b), strict=True)},
    }


@cached
def _pairs(at: At, a: int, b: int) -> list[JudgedPair]:
    return opened(at.url).statistics.compare(a, b)
