"""The form for a person's verdict: label, boxes, type, reason. A review is never overwritten."""

from collections.abc import Sequence

import streamlit as st

from reinspect.export.scene import within
from reinspect.export.story import Told
from reinspect.store import Review
from reinspect.ui.console import At, Console, cached, opened
from reinspect.ui.viewer import Edit, viewer
from reinspect.ui.words import plain
from reinspect.vocabulary import Defect, Label, Verdict


def judge(console: Console, told: Told, view: str | None = None) -> bool:
    """Draw the picture with boxes to edit, and the form. Returns whether a review was added.

    Of a part with several views, boxes are edited in the one that is shown; those of the others
    stay.
    """
    if console.reviewer is None:
        return False
    row = told.found.row
    stood = row.review or row.verdict
    key = f"{told.found.id}{view or ''}-{st.session_state.get('saved', 0)}"
    seen_key = f"seen-{key}"
    reviews = console.store.browse.reviews(told.found.id)
    if seen_key not in st.session_state:  # reviews that came after this one was begun
        st.session_state[seen_key] = len(reviews)
    others = reviews[st.session_state[seen_key] :]
    with st.container():  # there or not, or what stands below would lose what was typed
        if others:
            st.info(
                f"{_names(others)} reviewed this image meanwhile. Yours will be kept beside it."
            )
    types = _types(console.at)
    before = stood.defects if stood else ()
    drawn = viewer(told.scene_of(view), key=f"edit-{key}", edit=Edit(within(before, view), types))
    elsewhere = tuple(box for box in before if box not in within(before, view))
    boxes = (*(box.model_copy(update={"view": view}) for box in drawn), *elsewhere)
    with st.form(f"form-{key}", border=True):
        label = st.radio(
            "Your verdict",
            list(Label),
            index=list(Label).index(stood.label) if stood else None,
            format_func={Label.NORMAL: "○ normal", Label.ANOMALOUS: "◆ anomalous"}.__getitem__,
            horizontal=True,
            key=f"label-{key}",
        )
        kind = st.selectbox(
            "Defect type",
            types,
            index=None,
            accept_new_options=True,
            placeholder="pick or type; goes to boxes without a type",
            key=f"type-{key}",
        )
        why = st.text_area("Reason", key=f"why-{key}", height=80, placeholder="What decided it?")
        sent = st.form_submit_button("Save review", type="primary")
    if not sent:
        return False
    if label is None:
        st.warning("Choose a verdict first.")
        return False
    if label is Label.ANOMALOUS and kind and not boxes:
        st.warning("Draw a box to say where the defect is; only then has it a type.")
        return False
    defects = _defects(boxes, kind) if label is Label.ANOMALOUS else ()
    verdict = Verdict.of(float(label is Label.ANOMALOUS), defects=defects, rationale=why)
    seen = st.session_state.pop(seen_key)
    console.store.browse.review(told.found.id, verdict, reviewer=console.reviewer, why=why)
    st.session_state["saved"] = st.session_state.get("saved", 0) + 1
    others = console.store.browse.reviews(told.found.id)[seen:-1]
    if others:
        st.session_state["notice"] = (
            f"{_names(others)} reviewed this image meanwhile; both reviews are kept."
        )
    else:
        st.session_state["notice"] = f"Saved your review of {plain(row.image)}."
    return True


def chosen_view(told: Told) -> str | None:
    """Which view of the part is shown, as people choose; none where it has one picture."""
    if not told.views:
        return None
    key = f"of-{told.found.id}"
    chosen = st.segmented_control("View", told.views, default=told.views[0], key=key)
    return chosen or told.views[0]


def notice() -> None:
    """Show once what the last action did."""
    said = st.session_state.pop("notice", None)
    if said:
        st.toast(said, icon=":material/check:")


def _names(reviews: Sequence[Review]) -> str:
    return plain(", ".join(dict.fromkeys(review.reviewer for review in reviews)))


def _defects(boxes: tuple[Defect, ...], kind: str | None) -> tuple[Defect, ...]:
    named = (kind or "").strip() or None
    return tuple(box if box.type else box.model_copy(update={"type": named}) for box in boxes)


@cached
def _types(at: At) -> list[str]:
    return list(opened(at.url).browse.choices().types)
