"""Export: the current filter as files for other programs."""

import tempfile
from pathlib import Path

import streamlit as st

from reinspect.export import ExportError, Format
from reinspect.export import export as write
from reinspect.files import WriteError
from reinspect.store import Filter
from reinspect.ui import filters
from reinspect.ui.console import Console, empty

_ABOUT = {
    Format.COCO: "COCO: boxes and masks, reviewed ones in the model's place. CVAT reads it, too.",
    Format.LABEL_STUDIO: "Label Studio: verdicts as predictions, reviews as annotations.",
    Format.CSV: "CSV: one line an image, for spreadsheets.",
    Format.PARQUET: "Parquet: the rows, nested, for data frames. Needs the extra `parquet`.",
    Format.JSONL: "JSON lines: the rows as they are.",
    Format.JUDGEMENTS: "Judgement file: what `reinspect monitor fit` learns from.",
}


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    view = filters.asked(console)
    filters.panel(console, view)
    st.title("Export", anchor=False)
    if not console.runs:
        empty("There are no runs in this store yet.", "reinspect run PARTS --store STORE")
        return
    names = [name for name, key in console.names.items() if key in view.wanted.runs]
    left, right = st.columns(2)
    name = left.selectbox(
        "Run",
        names or list(console.names),
        key="export_run",
        bind="query-params",
        help="A file holds one run.",
    )
    form = right.selectbox(
        "Format",
        list(_ABOUT),
        format_func=lambda form: _ABOUT[form].partition(":")[0],
        key="format",
        bind="query-params",
    )
    st.caption(_ABOUT[form])
    wanted = view.wanted.model_copy(update={"runs": (console.names[name],)})
    count = console.store.browse.count(wanted)
    st.text(f"{count:,} inspections fit the filter in the side bar.")
    if not count:
        return
    if st.button("Prepare file", type="primary"):
        with st.spinner("Writing …"):
            data = _written(console, console.names[name], form, wanted)
        if data is not None:
            file = f"{name}{form.suffix}"
            st.download_button(
                f"Download ({len(data) / 1e6:.1f} MB)",
                data,
                file,
                on_click="ignore",
                icon=":material/download:",
            )


def _written(console: Console, run: int, form: Format, wanted: Filter) -> bytes | None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "export"
        try:
            write(console.store, run, form, out, wanted)
        except (ExportError, WriteError) as error:
            st.error("The file can't be written.")
            st.text(str(error))
            return None
        return out.read_bytes()
