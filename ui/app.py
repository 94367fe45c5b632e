"""The console: analysts look through verdicts and traces, and their corrections count.

`reinspect ui` runs this file by Streamlit. The store's address comes as an argument, never from the
browser; what the browser names is looked up in the store by id.
"""

import argparse
import html
import sys
from pathlib import Path

import streamlit as st

from reinspect.export.appearance import mark
from reinspect.ui.console import (
    Console,
    Options,
    faults_shown,
    logged_in,
    login_configured,
    opened,
    reviewer_of,
    style,
)
from reinspect.ui.views import (
    captions,
    commissioning,
    compare,
    conflicts,
    defect_types,
    export,
    inspections,
    morning,
    qualification,
    references,
    reliability,
    review,
    runs,
    trace,
)
from reinspect.ui.words import escaped

_MENU = 220  # pixels wide; no docstring: Streamlit would show it on the page

_PAGES = {
    "morning": (morning.page, "Morning", ":material/wb_twilight:", "Look"),
    "runs": (runs.page, "Runs", ":material/list_alt:", "Look"),
    "inspections": (inspections.page, "Inspections", ":material/photo_library:", "Look"),
    "trace": (trace.page, "Trace", ":material/timeline:", "Look"),
    "review": (review.page, "Review queue", ":material/rate_review:", "Decide"),
    "conflicts": (conflicts.page, "Conflicts", ":material/call_split:", "Decide"),
    "references": (references.page, "References", ":material/fact_check:", "Decide"),
    "commissioning": (
        commissioning.page,
        "Commissioning",
        ":material/school:",
        "Decide",
    ),
    "types": (defect_types.page, "Defect types", ":material/label:", "Decide"),
    "captions": (captions.page, "Training data", ":material/edit_note:", "Decide"),
    "reliability": (reliability.page, "Reliability", ":material/monitoring:", "Measure"),
    "qualification": (qualification.page, "Qualification", ":material/verified:", "Measure"),
    "compare": (compare.page, "Compare", ":material/compare_arrows:", "Measure"),
    "export": (export.page, "Export", ":material/download:", "Measure"),
}


def main(options: Options, start: str = "morning") -> None:
    """Show the page that the address names; `start` is the one at the bare address."""
    st.set_page_config(
        page_title="reinspect", page_icon=mark(), layout="wide", initial_sidebar_state=_MENU
    )
    style()
    st.logo(mark(), size="large")
    if not logged_in():
        return
    # A page's function is called without arguments: it finds the console in the session.
    sections: dict[str, list[st.Page]] = {}
    pages = {}
    for name, (page, title, icon, section) in _PAGES.items():
        first = name == start
        path = f"{name}-first" if first else name
        pages[name] = st.Page(page, title=title, icon=icon, url_path=path, default=first)
        sections.setdefault(section, []).append(pages[name])
    # Streamlit has no address of the first page but the bare one.
    named = st.Page(_to_first, title=_PAGES[start][1], url_path=start, visibility="hidden")
    sections[_PAGES[start][3]].append(named)
    chosen = st.navigation(sections, expanded=True)
    st.session_state["first"] = pages[start]
    moved = st.session_state.get("shown") != chosen.url_path
    st.session_state["shown"] = chosen.url_path
    with faults_shown():
        console = Console(opened(options.store), options, reviewer_of(options), pages, moved)
        st.session_state["console"] = console
        chosen.run()
        _who(console)


def _to_first() -> None:
    asked = {name: st.query_params.get_all(name) for name in st.query_params}
    st.switch_page(st.session_state["first"], query_params=asked)


def _who(console: Console) -> None:
    with st.sidebar:
        if console.reviewer:
            st.html(f'<div class="facts">Reviewer <b>{escaped(console.reviewer)}</b></div>')
            if login_configured():
                st.button("Log out", on_click=st.logout)
        else:
            st.caption("Read-only. To review: `reinspect ui --reviewer NAME`")
        where = console.store.name
        name = where if "://" in where else Path(where).name
        st.html(f'<div class="facts" title="{html.escape(where)}">Store {escaped(name)}</div>')


def _options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", required=True)
    parser.add_argument("--runs")
    parser.add_argument("--reviewer")
    for name in ("--commission", "--references", "--out"):
        parser.add_argument(name)
    return Options(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main(_options(sys.argv[1:]))
