"""Compare: two runs on the same images, what changed, and whether it got better."""

from typing import Any

import pandas as pd
import streamlit as st

from reinspect.cost import ModelCost
from reinspect.export.story import Told
from reinspect.graph.recipe import RecipeError
from reinspect.metrics import Interval, paired_difference
from reinspect.store import Run, differences
from reinspect.store.statistics import Different, JudgedPair, OutcomeChange
from reinspect.ui import words
from reinspect.ui.addresses import named_in_address
from reinspect.ui.console import At, Console, cached, empty, opened
from reinspect.ui.viewer import chosen_view, viewer
from reinspect.ui.views.inspections import facts
from reinspect.ui.views.runs import model_of
from reinspect.ui.whatif import Cuts, Judgements, WhatIf, recipe_differences, recipe_with

_SHOWN = 50  # rows of a page
_TRACES = ("trace A", "trace B")
_MARKS = {
    OutcomeChange.WORSE: "✕ worse",
    OutcomeChange.BETTER: "✓ better",
    OutcomeChange.LABEL: "◆ other label",
    OutcomeChange.INTO_REVIEW: "? into REVIEW",
    OutcomeChange.OUT_OF_REVIEW: "→ out of REVIEW",
    OutcomeChange.OTHER: "other outcome",
}
_OUTCOMES = ("PASS", "FAIL", "REVIEW")


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    st.title("Compare", anchor=False)
    names = list(console.names)
    if len(names) < 2:
        empty("Comparing takes two runs; this store has " + ("one." if names else "none."))
        if names:
            _what_if(console, console.runs)
        return
    left, right = st.columns(2)
    asked = [st.query_params.get(name) for name in ("a", "b")]
    first = names.index(asked[0]) if asked[0] in names else 1
    second = names.index(asked[1]) if asked[1] in names else 0
    a = left.selectbox("Run A", names, index=first, key="compare_a")
    b = right.selectbox("Run B", names, index=second, key="compare_b")
    st.query_params["a"], st.query_params["b"] = a, b
    if a == b:
        empty("Choose two different runs.")
        return
    runs = {run.name: run for run in console.runs}
    pairs = _pairs(console.at, runs[a].id, runs[b].id)
    if not pairs:
        empty("These runs have no image in common.")
        return
    _headline(pairs, runs[a], runs[b])
    _recipes(runs[a], runs[b])
    _changed(console, runs[a], runs[b], pairs)
    _agreement(pairs)
    _what_if(console, [runs[b], runs[a]])


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
    of = sum(pair.images for pair in known)
    cells[4].metric("Truth known", f"{of:,}")
    gain = paired_difference(better, worse, of)
    if gain is not None:
        st.caption(
            f"Labels right, B − A: {_points((better - worse) / of)} points, 95 % interval of the "
            f"pairs {_points(gain.low)} to {_points(gain.high)}."
        )
    rows = []
    right_a = sum(p.images for p in known if p.label_a == p.truth)
    right_b = sum(p.images for p in known if p.label_b == p.truth)
    for name, run, seconds, right in (
        ("A", a, sum(p.seconds_a for p in pairs), right_a),
        ("B", b, sum(p.seconds_b for p in pairs), right_b),
    ):
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


def _points(share: float) -> str:
    """A difference in points, signed, and never a nought with a sign."""
    said = f"{100 * share:+.1f}".replace("-", "−")
    return "0.0" if not any(digit in "123456789" for digit in said) else said


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
    counted = {
        change: sum(pair.images for pair in pairs if pair.change is change)
        for change in OutcomeChange
    }
    total = sum(counted.values())
    st.header(f"Changed images ({total:,})", anchor=False)
    if not total:
        st.caption("Both runs say the same of every image.")
        return
    chosen = st.pills(
        "Changes",
        [change for change in OutcomeChange if counted[change]],
        selection_mode="multi",
        # The count is no part of what an address says: it may have changed when that is opened.
        default=named_in_address("changes", OutcomeChange, among=counted),
        format_func=lambda change: f"{_MARKS[change]}: {counted[change]:,}",
        key="compare_changes",
        label_visibility="collapsed",
    )
    st.query_params["changes"] = list(chosen)
    total = sum(counted[change] for change in chosen) if chosen else total
    last = -(-total // _SHOWN)
    at = (
        st.number_input("Page", 1, last, 1, key="compare_page", bind="query-params")
        if last > 1
        else 1
    )
    found = console.store.statistics.different(
        a.id, b.id, only=chosen or (), offset=(int(at) - 1) * _SHOWN, limit=_SHOWN
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
        key=f"compare-{a.id}-{b.id}-{at}-{chosen}",
        alt="Images that the runs judge differently; select one for its traces",
    )
    rows = picked["selection"]["rows"]
    if not rows:
        st.caption("Select an image to see both side by side.")
        return
    one = found[rows[0]]
    for cell, name, key in zip(st.columns(2), "AB", (one.a, one.b), strict=True):
        with cell, st.container(border=True, key=f"pair-{name}"):
            told = Told.of(console.store, key, console.runs_folder)
            st.html(facts(told.found, f"{name}: {a.name if name == 'A' else b.name}"))
            seen = chosen_view(told)
            viewer(told.scene_of(seen), key=f"pair-{key}-{seen}", path=told.path(seen))
            st.page_link(
                console.pages["trace"],
                label=f"Open trace in {name}",
                icon=":material/timeline:",
                query_params={"id": str(key)},
            )


def _row(one: Different) -> dict[str, Any]:
    return {
        "change": _MARKS[one.change],
        "image": one.image,
        "A": f"{one.label_a or 'no verdict'}, {one.disposition_a}",
        "B": f"{one.label_b or 'no verdict'}, {one.disposition_b}",
        "truth": one.truth or "–",
        **{name: f"trace?id={key}" for name, key in zip(_TRACES, (one.a, one.b), strict=True)},
    }


def _recipes(a: Run, b: Run) -> None:
    rows = recipe_differences(a.recipe, b.recipe)
    mine, theirs = (run.versions.get("references", "–") for run in (a, b))
    if mine != theirs:
        rows.append(("references", mine, theirs))
    said = [line for line in differences(a.fingerprint, b.fingerprint) if "recipe" not in line]
    if not rows and not said:
        st.caption("Both runs were made by one recipe and the same references.")
        return
    with st.expander(f"What differs in recipe and references ({len(rows) + len(said)})"):
        if rows:
            st.dataframe(
                pd.DataFrame(rows, columns=["key", "A", "B"]),
                hide_index=True,
                alt="Keys of the recipes that differ",
            )
        for line in said:
            st.text(line)


def _what_if(console: Console, runs: list[Run]) -> None:
    st.header("What if", anchor=False)
    run = st.selectbox(
        "Thresholds of",
        runs,
        format_func=lambda run: run.name,
        key="whatif_run",
        bind="query-params",
    )
    was = Cuts.of_recipe(run.recipe)
    if was is None:
        st.caption("Its dispositions are not by thresholds that a recipe names.")
        return
    left, middle, right = st.columns(3)
    how: dict[str, Any] = {"step": 0.01, "bind": "query-params"}
    now = Cuts(
        left.slider("REVIEW below this reliability", 0.0, 1.0, round(was.reliability, 2),
                    key=f"whatif_reliability_{run.id}", **how),
        middle.slider("PASS below this P(anomalous)", 0.0, 0.5, was.pass_below,
                      key=f"whatif_pass_{run.id}", **how),
        right.slider("FAIL from this P(anomalous)", 0.5, 1.0, was.fail_from,
                     key=f"whatif_fail_{run.id}", **how),
    )  # fmt: skip
    if round(was.reliability, 2) == now.reliability:
        now = now._replace(reliability=was.reliability)
    judged = _judgements(console.at, run.id)
    before, after = WhatIf.of(judged, was, was), WhatIf.of(judged, was, now)
    cells = st.columns(5)
    for cell, name in zip(cells, ("passed", "failed", "review"), strict=False):
        count = getattr(after, name)
        change = count - getattr(before, name)
        title = {"passed": "✓ PASS", "failed": "✕ FAIL", "review": "? REVIEW"}[name]
        cell.metric(title, f"{count:,}", delta=change or None, delta_color="off")
    for cell, title, share in (
        (cells[3], "Escapes", after.escapes), (cells[4], "Overkill", after.overkill),
    ):  # fmt: skip
        cell.metric(title, words.percent(share.found / share.of if share.of else None))
        cell.caption(f"{share.found:,} of {share.of:,} known, {_span(share.interval)}")
    st.caption(
        f"Defective parts among PASS, as the probabilities have it: {after.expected:,.1f}, "
        f"{before.expected:,.1f} by the run's own thresholds. What went to REVIEW for another "
        "reason (an error, the set-up, an escalation) stays there."
    )
    try:
        text = recipe_with(run.recipe, now)
    except RecipeError as failure:
        st.caption(f"No recipe can be made of it here: {words.plain(str(failure), 300)}")
        return
    st.download_button(
        "Recipe with these thresholds",
        text,
        f"{run.name}-thresholds.yaml",
        on_click="ignore",
        icon=":material/download:",
    )


def _span(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{words.percent(interval.low)} to {words.percent(interval.high)}"


@cached
def _judgements(at: At, run: int) -> Judgements:
    return Judgements.of(opened(at.url).statistics.known([run]))


@cached
def _pairs(at: At, a: int, b: int) -> list[JudgedPair]:
    return opened(at.url).statistics.compare(a, b)
