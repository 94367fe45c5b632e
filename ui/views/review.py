"""Review queue: what waits for a person, and where reviewers disagree."""

from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import pandas as pd
import streamlit as st

from reinspect.export.story import Told
from reinspect.metrics import cohen_kappa
from reinspect.store import Filter, Reviewed, StoreError
from reinspect.store.reviews import WITHDRAWN
from reinspect.ui.bench import bench, feed, taken
from reinspect.ui.console import Console, empty, faults_shown, opened
from reinspect.ui.viewer import chosen_view, viewer

_WAITING, _SECOND = "waiting", "second opinion"
_KEY, _LAST = "bench", "bench_data"


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    head, what, share, run = st.columns([2.6, 2.6, 2, 2], vertical_alignment="bottom")
    kind = what.segmented_control(
        "Show",
        [_WAITING, _SECOND],
        default=_WAITING,
        key="queue_kind",
        bind="query-params",
        help="Waiting: all of REVIEW and the audit sample of PASS. Second opinion: what others "
        "reviewed and you did not.",
    )
    percent = share.slider(
        "Audit share of PASS, %", 0, 100, 5, key="audit", help=_AUDIT, bind="query-params"
    )
    name = run.selectbox(
        "Run",
        list(console.names),
        index=None,
        placeholder="all runs",
        key="queue_run",
        bind="query-params",
    )
    runs = (console.names[name],) if name else ()
    asked = _Asked(runs, percent / 100, second=kind == _SECOND)
    head.title("Review queue", anchor=False)
    if console.reviewer:
        _work(asked)
    else:
        _look(console, asked)
    _agreement(console, runs)


_AUDIT = (
    "A random sample of what passed, the same for all reviewers. It shows what slips through: "
    "the Reliability page estimates escapes from it."
)


class _Asked(NamedTuple):
    runs: tuple[int, ...]
    share: float
    second: bool

    def ids(self, console: Console) -> tuple[int, ...]:
        """One inspection of each part, the least reliable first."""
        queue = console.store.queue
        if not self.second:
            return queue.parts(Filter(runs=self.runs, due=self.share))
        mine = {said.part for said in queue.opinions() if said.reviewer == console.reviewer}
        return queue.parts(Filter(runs=self.runs, reviewed=Reviewed.YES), but=mine)


@st.fragment
def _work(asked: _Asked) -> None:
    """The bench; what it sends runs this function alone."""
    before: Console = st.session_state["console"]
    last = st.session_state.get(_LAST)
    with faults_shown():
        try:
            console = replace(before, store=opened(before.options.store))
            answers = taken(console, _KEY)
            ids, aside = asked.ids(console), st.session_state["aside"]
            ordered = [
                *(one for one in ids if one not in aside),
                *filter(set(ids).__contains__, aside),
            ]
            data = feed(console, ordered, answers, key=_KEY, queue=repr(asked), left=len(ids))
        except StoreError as error:
            if last is None:
                raise
            data = {**last, "answers": {}, "fault": str(error)}
        st.session_state[_LAST] = data
        bench(data, _KEY)


def _look(console: Console, asked: _Asked) -> None:
    """The next part for whoever may not decide."""
    ids = asked.ids(console)
    st.caption(f"{len(ids):,} waiting")
    if not ids:
        empty("Nothing waits for a review here." if console.runs else "There are no runs yet.")
        return
    told = Told.of(console.store, ids[0], console.runs_folder)
    seen = chosen_view(told)
    viewer(told.part(seen), key=f"queue-{ids[0]}-{seen}", path=told.path(seen))
    st.info("Read-only: start the console with --reviewer NAME, or log in, to review.")


def _agreement(console: Console, runs: tuple[int, ...]) -> None:
    """Cohen's kappa of each two reviewers over what both have reviewed."""
    said: dict[str, dict[str, str]] = {}
    for opinion in console.store.queue.opinions(runs):
        if opinion.label != WITHDRAWN:
            said.setdefault(opinion.reviewer, {})[opinion.part] = opinion.label
    rows = []
    for one, other in combinations(sorted(said), 2):
        both = sorted(said[one].keys() & said[other].keys())
        if both:
            mine, theirs = [said[one][key] for key in both], [said[other][key] for key in both]
            alike = sum(a == b for a, b in zip(mine, theirs, strict=True))
            rows.append(
                {
                    "reviewers": f"{one} and {other}",
                    "both reviewed": len(both),
                    "agree": alike,
                    "Cohen's kappa": cohen_kappa(mine, theirs),
                }
            )
    if not rows:
        return
    pairs = f"{len(rows):,} pair{'s' if len(rows) > 1 else ''}"
    with st.expander(f"Agreement of reviewers ({pairs})"):
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Agreement of each two reviewers")
        st.caption(
            "Kappa: 1 is full agreement, 0 what chance would give; none if all labels are one."
        )
        st.page_link(
            console.pages["inspections"],
            label="Show where they disagree",
            query_params={"reviewed": "disputed"},
        )
