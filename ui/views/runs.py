"""Runs: what each inspected and with which detector, how it came out, and what it cost."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st
import yaml

from reinspect.cost import ModelCost
from reinspect.store import Run, Standing, Tally
from reinspect.store.runs import Status
from reinspect.store.statistics import JudgedCount
from reinspect.ui import words
from reinspect.ui.console import At, Console, StorePlace, cached, empty, opened

_number = st.column_config.NumberColumn
_COLUMNS = {
    "started": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
    "open": _number(help="For REVIEW, and no truth is known of them yet"),
    "twice": _number(help="Images that were looked at twice"),
    "wrong": _number(help="Final verdicts that a review or an annotation contradicts"),
    "fixed": _number(help="Wrong at first, right in the end; where truth is known"),
    "broken": _number(help="Right at first, wrong in the end; where truth is known"),
    "not read": _number(help="Parse failures: model answers that could not be read"),
    "seconds": _number(format="%.1f", help="Sum over images"),
    "USD": _number(format="%.4f"),
}


class _Moment(NamedTuple):
    """What the cached sums of a run depend on: those of a finished run stay while others grow."""

    place: StorePlace
    reviews: int
    newest: int
    status: Status
    finished: datetime | None


class _Sums(NamedTuple):
    tally: Tally
    judged: list[JudgedCount]


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    st.title("Runs", anchor=False)
    runs = console.runs
    if not runs:
        empty("There are no runs in this store yet.", "reinspect run PARTS --store STORE")
        return
    search = st.text_input(
        "Search", placeholder="name, recipe, model, folder", key="runs_search", bind="query-params"
    )
    chosen = [run for run in runs if _fits(run, search)]
    if not chosen:
        empty("No run has these words.")
        return
    # What no run reports (tokens without a model, fixed without truth) is no column.
    table = pd.DataFrame([_row(console, run) for run in chosen]).dropna(axis="columns", how="all")
    picked = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        column_config=_COLUMNS,
        placeholder="–",
        key="runs_table",
        alt="Runs, one a row; select one to see its inspections, two to compare them",
    )
    _next(console, [chosen[at] for at in picked["selection"]["rows"]])


def _next(console: Console, picked: list[Run]) -> None:
    if not picked:
        st.caption("Select a run to see its inspections, or two to compare them.")
        _doors(console, console.runs[:1])
        return
    _doors(console, picked)
    left, right, _ = st.columns([1, 1, 3])
    if left.button("Show inspections", type="primary", width="stretch"):
        params = {"run": [run.name for run in picked]}
        st.session_state["address"] = params
        st.switch_page(console.pages["inspections"], query_params=params)
    both = len(picked) == 2
    if right.button("Compare", disabled=not both, width="stretch", help="Needs two runs"):
        both_names = {"a": picked[0].name, "b": picked[1].name}
        st.switch_page(console.pages["compare"], query_params=both_names)
    for run in picked[:2]:
        with st.expander(f"Recipe of {words.plain(run.name)}"):
            st.code(run.recipe, language="yaml")


def _doors(console: Console, runs: Sequence[Run]) -> None:
    """What is true against how it came out, and what became of verdicts: each count is a link."""
    counted = [c for run in runs for c in _sums(_moment(console.at, run), run.id).judged]
    name = runs[0].name if len(runs) == 1 else f"{len(runs)} runs"
    st.header(f"Right and wrong in {words.plain(name)}", anchor=False)
    every: dict[str, Any] = {"run": [run.name for run in runs]}

    def door(cell: Any, label: str, images: int, **params: str) -> None:
        if images:
            cell.page_link(
                console.pages["inspections"],
                label=f"{images:,} {_OF_ONE.get(label, label) if images == 1 else label}",
                query_params={**every, **params},
            )
        else:
            cell.caption(f"0 {label}")

    with st.container(key="doors"):
        for truth, title, names in _MATRIX:
            cells = st.columns([1.3, 1, 1, 1], vertical_alignment="center")
            cells[0].html(f"<b>{title}</b>")
            asked = {"truth": truth} if truth else {"standing": Standing.OPEN.value}
            mine = [c for c in counted if c.truth == truth]
            for cell, outcome, label in zip(cells[1:], _OUTCOMES, names, strict=True):
                images = sum(c.images for c in mine if c.disposition == outcome)
                door(cell, label, images, disposition=outcome, **asked)
        cells = st.columns(len(_STANDINGS), vertical_alignment="center")
        for cell, (standing, label) in zip(cells, _STANDINGS.items(), strict=True):
            images = sum(c.images for c in counted if getattr(c, standing.value))
            door(cell, label, images, standing=standing.value)


_OUTCOMES = ("PASS", "FAIL", "REVIEW")
_MATRIX = (
    ("anomalous", "Defective parts", ("escapes: PASS", "found: FAIL", "to REVIEW")),
    ("normal", "Good parts", ("passed: PASS", "overkill: FAIL", "to REVIEW")),
    (None, "Truth not known", ("PASS", "FAIL", "REVIEW")),
)
_OF_ONE = {"escapes: PASS": "escape: PASS", "wrong verdicts": "wrong verdict"}
_STANDINGS = {
    Standing.WRONG: "wrong verdicts",
    Standing.FIXED: "fixed by the second look",
    Standing.BROKEN: "broken by the second look",
    Standing.OVERRULED: "overruled by a person",
}


def model_of(run: Run) -> str:
    """The detector as the recipe names it: its model, else its kind."""
    try:
        recipe = yaml.safe_load(run.recipe)
    except yaml.YAMLError:
        return "?"
    part = recipe.get("detector") if isinstance(recipe, dict) else None
    if isinstance(part, dict):
        return str(part.get("model") or part.get("kind") or "?")
    return str(part or "?")


def _fits(run: Run, search: str) -> bool:
    text = f"{run.name}\n{run.recipe}\n{run.folder}\n{' '.join(run.sources)}".lower()
    return all(word in text for word in search.lower().split())


def _row(console: Console, run: Run) -> dict[str, Any]:
    tally, judged = _sums(_moment(console.at, run), run.id)

    def count(which: Callable[[JudgedCount], bool]) -> int | None:
        known = [c for c in judged if c.truth]
        return sum(c.images for c in known if which(c)) if known else None

    cost = ModelCost.of_counters(run.counters)
    return {
        "run": run.name,
        "status": "writing …" if run.status is Status.RUNNING else run.status.value,
        "started": run.started.astimezone().replace(tzinfo=None),
        "model": model_of(run),
        "images": tally.images,
        "PASS": tally.passed,
        "FAIL": tally.failed,
        "REVIEW": tally.review,
        "open": sum(c.images for c in judged if c.disposition == "REVIEW" and not c.truth),
        "twice": tally.revisited,
        "wrong": count(lambda c: c.wrong),
        "fixed": count(lambda c: c.fixed),
        "broken": count(lambda c: c.broken),
        "errors": tally.errors,
        "not read": cost.unread if cost else None,
        "seconds": tally.seconds,
        "tokens": cost.tokens if cost else None,
        "USD": cost.known_usd if cost else None,
        "recipe": run.fingerprint.get("recipe", "")[:8],
    }


def _moment(at: At, run: Run) -> _Moment:
    """Reviews elsewhere may be of this run's pictures; new inspections are not, once it is done."""
    newest, reviews, *_ = at.version
    grown = newest if run.status is Status.RUNNING else 0
    return _Moment(at.place, reviews, grown, run.status, run.finished)


@cached
def _sums(moment: _Moment, run_id: int) -> _Sums:
    store = opened(moment.place.url)
    return _Sums(store.tally(run_id), store.statistics.judged([run_id]))
