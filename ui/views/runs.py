"""Runs: what each inspected and with which detector, how it came out, and what it cost."""

from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st
import yaml

from reinspect.cost import ModelCost
from reinspect.store import Run, Tally
from reinspect.store.runs import Status
from reinspect.ui import words
from reinspect.ui.console import At, Console, StorePlace, cached, empty, opened

_number = st.column_config.NumberColumn
_COLUMNS = {
    "started": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
    "twice": _number(help="Images that were looked at twice"),
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


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    st.title("Runs", anchor=False)
    runs = console.runs
    if not runs:
        empty("There are no runs in this store yet.", "reinspect run PARTS --store STORE")
        return
    search = st.text_input("Search", placeholder="name, recipe, model, folder", key="runs_search")
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
        return
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
    tally, fixed, broken = _sums(_moment(console.at, run), run.id)
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
        "twice": tally.revisited,
        "fixed": fixed,
        "broken": broken,
        "errors": tally.errors,
        "not read": cost.unread if cost else None,
        "seconds": tally.seconds,
        "tokens": cost.tokens if cost else None,
        "USD": cost.known_usd if cost else None,
        "recipe": run.fingerprint.get("recipe", "")[:8],
    }


def _moment(at: At, run: Run) -> _Moment:
    """Reviews elsewhere may be of this run's pictures; new inspections are not, once it is done."""
    newest, reviews, _ = at.version
    grown = newest if run.status is Status.RUNNING else 0
    return _Moment(at.place, reviews, grown, run.status, run.finished)


@cached
def _sums(moment: _Moment, run_id: int) -> tuple[Tally, int | None, int | None]:
    store = opened(moment.place.url)
    tally, changed = store.tally(run_id), store.statistics.changed([run_id])
    if not changed:
        return tally, None, None
    fixed = sum(c.images for c in changed if c.first != c.truth and c.final == c.truth)
    broken = sum(c.images for c in changed if c.first == c.truth and c.final != c.truth)
    return tally, fixed, broken
