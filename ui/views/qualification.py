"""Qualification: what inspections find on each product that was qualified on this machine."""

from pathlib import Path

import streamlit as st

from reinspect.qualification import page as qualification_page
from reinspect.qualification.keeping import (
    KeptQualificationError,
    Qualification,
    kept_qualifications,
    read_qualification,
)
from reinspect.settings import Settings
from reinspect.ui.console import empty

_HINT = "reinspect qualify REFERENCES"


def page() -> None:
    """Draw the page."""
    st.title("Qualification", anchor=False)
    files = kept_qualifications(Settings().cache_dir)
    if not files:
        empty("No product was qualified on this machine yet.", _HINT)
        return
    known, unread = _read(files)
    if unread:
        more = f"; {len(unread) - 1} more can't be read either" if len(unread) > 1 else ""
        st.warning(f"{unread[0]}{more}. `reinspect qualify` makes them anew.")
    if not known:
        return
    names = [_named(one) for one in known]
    which, page_ = st.columns([4, 1], vertical_alignment="bottom")
    chosen = which.selectbox(
        "Product",
        range(len(known)),
        format_func=lambda place: names[place],
        key="product",
        bind="query-params",
    )
    shown = known[chosen]
    html = qualification_page(shown.findings, shown.images)
    page_.download_button(
        "Download the page",
        html,
        f"qualification-{shown.findings.product}.html",
        mime="text/html",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    # Its template escapes whatever came from outside: names of files and of kinds of damage.
    # Its policy lets no script measure it: the style sheet makes it as high as the window allows.
    with st.container(key="qualification"):
        st.iframe(html, height=1400)


def _read(files: list[Path]) -> tuple[list[Qualification], list[str]]:
    known, unread = [], []
    for file in files:
        try:
            known.append(read_qualification(file))
        except KeptQualificationError as failure:
            unread.append(str(failure))
    return known, unread


def _named(one: Qualification) -> str:
    found = one.findings
    when = f", {found.made.astimezone():%Y-%m-%d %H:%M}" if found.made else ""
    return f"{found.product}: {found.detection.origin} damage, {found.references} references{when}"
