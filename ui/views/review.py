"""Review queue: what waits for a person, and where reviewers disagree."""

from itertools import combinations

import pandas as pd
import streamlit as st

from reinspect.export.story import Told, timeline
from reinspect.metrics import cohen_kappa
from reinspect.store import Filter, Reviewed
from reinspect.store.reviews import WITHDRAWN
from reinspect.ui import words
from reinspect.ui.console import Console, empty
from reinspect.ui.judging import chosen_view, judge, notice
from reinspect.ui.viewer import viewer

_WAITING, _SECOND = "waiting", "second opinion"
_HAND = "in_hand"  # the inspection that this session's reviewer has begun, and in which queue


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    notice()
    head, what, share, run = st.columns([2.6, 2.6, 2, 2], vertical_alignment="bottom")
    kind = what.segmented_control(
        "Show",
        [_WAITING, _SECOND],
        default=_WAITING,
        key="queue_kind",
        help="Waiting: all of REVIEW and the audit sample of PASS. Second opinion: what others "
        "reviewed and you did not.",
    )
    percent = share.slider("Audit share of PASS, %", 0, 100, 5, key="audit", help=_AUDIT)
    name = run.selectbox(
        "Run", list(console.names), index=None, placeholder="all runs", key="queue_run"
    )
    runs = (console.names[name],) if name else ()
    wanted = (
        Filter(runs=runs, reviewed=Reviewed.YES)
        if kind == _SECOND
        else Filter(runs=runs, due=percent / 100)
    )
    left = _left(console, wanted, second=kind == _SECOND)
    with head:
        st.title("Review queue", anchor=False)
        st.caption(f"{left.total:,} {'to look at again' if kind == _SECOND else 'waiting'}")
    _agreement(console, runs)
    key = _in_hand(console, f"{kind} {name}", left.key)
    if key is None:
        empty("Nothing waits for a review here." if console.runs else "There are no runs yet.")
        return
    _one(console, key)


_AUDIT = (
    "A random sample of what passed, the same for all reviewers. It shows what slips through: "
    "the Reliability page estimates escapes from it."
)


class _Left:
    def __init__(self, key: int | None, total: int) -> None:
        self.key, self.total = key, total


def _left(console: Console, wanted: Filter, *, second: bool) -> _Left:
    """The next part, and how many there are; those that were put aside come last."""
    aside: set[int] = st.session_state.setdefault("aside", set())
    queue = console.store.queue
    mine = {said.part for said in queue.opinions() if second and said.reviewer == console.reviewer}
    ids = queue.parts(wanted, but=mine)
    key = next((one for one in ids if one not in aside), None)
    if key is None and ids:
        st.session_state["aside"] = set()
        key = ids[0]
    return _Left(key, len(ids))


def _in_hand(console: Console, queue: str, first: int | None) -> int | None:
    """The inspection on this page; whoever began it may finish, though a colleague was faster."""
    begun_in, key = st.session_state.get(_HAND, (queue, None))
    if console.moved or console.reviewer is None or begun_in != queue:
        key = None
    st.session_state[_HAND] = (queue, first if key is None else key)
    return first if key is None else key


def _one(console: Console, key: int) -> None:
    told = _blind(Told.of(console.store, key, console.runs_folder))
    name, aside, trace = st.columns([5, 1.2, 1.2], vertical_alignment="center")
    name.html(
        f"<b>{words.escaped(told.found.row.image)}</b> "
        f'<span class="facts">run {words.escaped(told.run.name)} · '
        f"reliability <b>{words.number(told.found.row.reliability)}</b></span>"
    )
    if aside.button("Later", shortcut="L", width="stretch", help="Show it after the others"):
        st.session_state["aside"] = {*st.session_state.get("aside", set()), key}
        del st.session_state[_HAND]
        st.rerun()
    trace.page_link(
        console.pages["trace"], label="Full trace", query_params=console.address(id=str(key))
    )
    picture, story = st.columns([1.2, 1], gap="medium")
    with picture:
        view = chosen_view(told)
        if not console.reviewer:
            viewer(told.scene_of(view), key=f"queue-{key}")
            st.info("Read-only: start the console with --reviewer NAME, or log in, to review.")
        elif judge(console, told, view):
            del st.session_state[_HAND]
            st.rerun()
    with story, st.container(height=760, border=False):
        st.html(timeline(told))


def _blind(told: Told) -> Told:
    """The story without truth and reviews: a reviewer judges the part, not the colleagues."""
    row = told.found.row.model_copy(update={"review": None})
    return told._replace(found=told.found._replace(row=row), truth=None, reviews=())


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
    with st.expander(f"Agreement of reviewers ({len(rows)} pairs)"):
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Agreement of each two reviewers")
        st.caption(
            "Kappa: 1 is full agreement, 0 what chance would give; none if all labels are one."
        )
        st.page_link(
            console.pages["inspections"],
            label="Show where they disagree",
            query_params={"reviewed": "disputed"},
        )
