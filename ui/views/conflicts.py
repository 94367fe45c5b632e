"""Conflicts: where reviewers, annotations or runs say different things of one part."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from reinspect.export.story import Told
from reinspect.store import Filter, Reviewed
from reinspect.store.reviews import WITHDRAWN
from reinspect.ui import words
from reinspect.ui.addresses import named_in_address
from reinspect.ui.console import At, Console, cached, empty, opened
from reinspect.ui.viewer import chosen_view, viewer
from reinspect.ui.views.inspections import facts

_SHOWN = 200  # of a kind
_AGREED = 2  # reviewers who settle what an annotation says otherwise


class ConflictKind(StrEnum):
    """Between whom."""

    REVIEWERS = "between reviewers"
    ANNOTATION = "review against annotation"
    RUNS = "between runs"


_SETTLED = {
    ConflictKind.REVIEWERS: "It leaves the list when those who differ agree, or take theirs back.",
    ConflictKind.ANNOTATION: "It leaves the list when two reviewers agree; the annotation stays as "
    "it is, and the review counts.",
    ConflictKind.RUNS: "Runs gave the same picture different labels. A review settles it.",
}


class PartConflict(NamedTuple):
    """A part of which different things are said."""

    inspection: int
    image: str
    category: str | None
    said: str


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    st.title("Conflicts", anchor=False)
    found = {kind: _found(console.at, kind.value) for kind in ConflictKind}
    if not any(found.values()):
        empty("Nobody contradicts anybody: reviewers, annotations and runs agree.")
        return
    kind = st.segmented_control(
        "Between whom",
        [kind for kind in ConflictKind if found[kind]],
        format_func=lambda kind: f"{kind.value}: {_counted(found[kind])}",
        default=(
            named_in_address("between", ConflictKind, among=found)
            or [kind for kind in ConflictKind if found[kind]]
        )[0],
        key="conflicts_kind",
        label_visibility="collapsed",
    )
    st.query_params["between"] = kind or ""
    if kind is None:
        st.caption("Choose one of them.")
        return
    st.caption(_SETTLED[kind])
    some = found[kind]
    picked = st.dataframe(
        pd.DataFrame(
            [
                {
                    "image": one.image,
                    "category": one.category,
                    "said": one.said,
                    "trace": f"trace?id={one.inspection}",
                }
                for one in some
            ]
        ),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "trace": st.column_config.LinkColumn(display_text="open", help="In a new tab")
        },
        placeholder="–",
        key=f"conflicts-{kind.value}",
        alt="Parts of which different things are said; select one to see it below",
    )
    rows = picked["selection"]["rows"]
    _shown(console, some[rows[0] if rows else 0])


def _shown(console: Console, chosen: PartConflict) -> None:
    told = Told.of(console.store, chosen.inspection, console.runs_folder)
    picture, said = st.columns([1.1, 1], gap="medium")
    with picture:
        seen = chosen_view(told)
        scene, path = told.scene_of(seen), told.path(seen)
        viewer(scene, key=f"conflict-{told.found.id}-{seen}", path=path)
    with said:
        st.html(
            f"<h2>{words.escaped(told.found.row.image)}</h2>"
            f"<p>{words.escaped(chosen.said)}</p>{facts(told.found, told.run.name)}"
        )
        for review in told.reviews:
            if review.why:
                st.html(
                    f'<p class="facts"><b>{words.escaped(review.reviewer)}</b> '
                    f"{review.at.astimezone():%a %d %b, %H:%M}</p>"
                    f"<p>{words.escaped(review.why)}</p>"
                )
        st.page_link(
            console.pages["trace"],
            label="Open its trace, and judge it there",
            icon=":material/timeline:",
            query_params={"id": str(told.found.id)},
        )


def _counted(some: Sequence[Any]) -> str:
    return f"{len(some):,}" if len(some) < _SHOWN else f"{_SHOWN} or more"


@cached
def _found(at: At, kind: str) -> list[PartConflict]:
    store = opened(at.url)
    if kind == ConflictKind.REVIEWERS:
        found = []
        for key in store.queue.parts(Filter(reviewed=Reviewed.DISPUTED))[:_SHOWN]:
            one = store.browse.one(key)
            last = {r.reviewer: r.after for r in store.queue.reviews(key)}
            said = "; ".join(f"{who}: {after.label.value}" for who, after in last.items() if after)
            found.append(PartConflict(key, one.row.image, one.row.category, said))
        return found
    names = {run.id: run.name for run in store.runs()}
    if kind == ConflictKind.RUNS:
        return [
            PartConflict(
                mine[0].inspection,
                mine[0].image,
                mine[0].category,
                "; ".join(f"{names.get(one.run_id, '?')}: {one.label}" for one in mine),
            )
            for mine in store.statistics.split_labels(limit=_SHOWN)
        ]
    agreed = Counter(
        (opinion.part, opinion.label)
        for opinion in store.queue.opinions()
        if opinion.label != WITHDRAWN
    )
    return [
        PartConflict(
            one.inspection,
            one.image,
            one.category,
            f"review: {one.review}; annotation: {one.annotation}",
        )
        for one in store.statistics.against_annotation(limit=_SHOWN)
        if agreed[store.queue.part_of(one.inspection) or "", one.review] < _AGREED
    ]
