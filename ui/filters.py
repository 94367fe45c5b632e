"""The filter in the side bar. The page's address holds it; widgets show and change that."""

from datetime import datetime
from typing import Any

import streamlit as st

from reinspect.store import Choices, Filter, Order, Period, Reviewed, Span, Standing
from reinspect.ui import addresses, words
from reinspect.ui.addresses import ListView
from reinspect.ui.console import At, Console, cached, opened
from reinspect.ui.words import LABEL_MARKS, OUTCOME_MARKS
from reinspect.vocabulary import Label, Outcome

_ORDERS = {
    (Order.RELIABILITY, False): "lowest reliability",
    (Order.RELIABILITY, True): "highest reliability",
    (Order.DIVERGENCE, True): "highest divergence",
    (Order.PROBABILITY, True): "highest P(anomalous)",
    (Order.SECONDS, True): "longest duration",
    (Order.AT, True): "newest",
    (Order.IMAGE, False): "name",
}
_YES_NO = {"any": None, "yes": True, "no": False}
_REVIEWED = {
    "any": None,
    "not reviewed": Reviewed.NO,
    "reviewed": Reviewed.YES,
    "reviewers disagree": Reviewed.DISPUTED,
}
_STANDING = {
    "any": None,
    "right": Standing.RIGHT,
    "wrong": Standing.WRONG,
    "fixed by the second look": Standing.FIXED,
    "broken by the second look": Standing.BROKEN,
    "a person disagreed": Standing.OVERRULED,
    "truth not known": Standing.OPEN,
}
_SAID = {"any": None, **{LABEL_MARKS[label.value]: label for label in Label}}
_SPANS = {
    "reliability": (0.0, 1.0, "How likely the label is right, 0 to 1"),
    "divergence": (-1.0, 1.0, "Confidence minus reliability; above 0: surer than it should be"),
}
_FLAGS, _LABELS, _ENDS = addresses.FLAGS, addresses.LABELS, ("since", "until")
NO_RUN = 0
"""An id that no run has."""
_LONGEST = 60.0  # seconds; the slider's end means "or more"


def asked(console: Console) -> ListView:
    """The view that the address asks for, which is written back to the address in full.

    A run that is gone is said; where none of those named is left, nothing is found.
    """
    view = console.view()
    named = st.query_params.get_all("run")
    gone = [name for name in named if name not in console.names]
    if gone:
        st.warning(f"There is no run {words.plain(', '.join(gone))} in this store.")
        if len(gone) == len(named):
            return ListView(view.wanted.model_copy(update={"runs": (NO_RUN,)}))
    console.remember(view)
    return view


def panel(console: Console, view: ListView) -> None:
    """Draw the filter as the view has it."""
    names = console.names
    choices = _choices(console.at, view.wanted.runs)
    _show(view, names)
    change: dict[str, Any] = {"on_change": _changed, "args": (console,)}
    with st.sidebar:
        st.text_input(
            "Search", key="f_text", placeholder="rationale, reason, error, name", **change
        )
        _several("Run", "run", list(names), change)
        st.pills(
            "Disposition",
            list(Outcome),
            selection_mode="multi",
            format_func=lambda outcome: OUTCOME_MARKS[outcome.value],
            key="f_disposition",
            **change,
        )
        st.pills(
            "Truth",
            list(Label),
            selection_mode="multi",
            format_func=lambda label: LABEL_MARKS[label.value],
            key="f_truth",
            help="By a review of the picture in any run, else by annotation",
            **change,
        )
        st.selectbox("Verdict against truth", list(_STANDING), key="f_standing", **change)
        tags = sorted({f"{k}={v}" for run in console.runs for k, v in run.tags.items()})
        if tags or view.wanted.tags:
            _several("Line and tags", "tag", tags, change)
        _several("Category", "category", choices.categories, change)
        _several("Defect type", "type", choices.types, change)
        for name, (low, high, about) in _SPANS.items():
            st.slider(
                name.capitalize(), low, high, step=0.01, key=f"f_{name}", help=about, **change
            )
        more = st.expander("More", _uses_more(view.wanted), key="f_more", on_change="rerun")
        if more.open:  # a closed one costs the browser nothing
            with more:
                _rarer(choices.sources, change)
        st.selectbox(
            "Sort by", list(_ORDERS), format_func=_ORDERS.__getitem__, key="f_order", **change
        )
        st.button("Clear filter", on_click=_clear, args=(console,), width="stretch")


def _rarer(sources: tuple[str, ...], change: dict[str, Any]) -> None:
    _several("Evidence by", "source", sources, change)
    st.slider("Duration in seconds", 0.0, _LONGEST, step=0.5, key="f_seconds", **change)
    st.segmented_control("First look", list(_SAID), key="f_first", **change)
    st.segmented_control("In the end", list(_SAID), key="f_final", **change)
    st.segmented_control("Looked at twice", list(_YES_NO), key="f_twice", **change)
    st.segmented_control("Revised", list(_YES_NO), key="f_revised", **change)
    st.segmented_control("Set-up alarm", list(_YES_NO), key="f_setup", **change)
    st.text_input("Reason", key="f_reason", placeholder="of the disposition", **change)
    st.datetime_input("Since", value=None, key="f_since", **change)
    st.datetime_input("Until", value=None, key="f_until", **change)
    st.segmented_control("Comments", list(_YES_NO), key="f_commented", **change)
    st.segmented_control("Errors", list(_YES_NO), key="f_errors", **change)
    st.selectbox("Reviews", list(_REVIEWED), key="f_reviewed", **change)


def _several(label: str, name: str, options: Any, change: dict[str, Any]) -> None:
    # What the address asks for is an option, too, even where nothing has it any more.
    every = [*options, *(o for o in st.session_state[f"f_{name}"] if o not in options)]
    st.multiselect(label, every, key=f"f_{name}", placeholder="all", **change)


def _show(view: ListView, names: dict[str, int]) -> None:
    """Make the widgets show the view."""
    wanted, state = view.wanted, st.session_state
    state["f_text"] = wanted.text
    state["f_run"] = [name for name, key in names.items() if key in wanted.runs]
    state["f_disposition"] = list(wanted.dispositions)
    state["f_category"] = list(wanted.categories)
    state["f_type"] = list(wanted.types)
    state["f_tag"] = list(wanted.tags)
    state["f_source"] = list(wanted.sources)
    for name, (low, high, _) in _SPANS.items():
        span: Span | None = getattr(wanted, name)
        ends = span or Span(low, high)
        state[f"f_{name}"] = (max(low, ends.low), min(high, ends.high))
    lasting = wanted.seconds or Span(0, _LONGEST)
    state["f_seconds"] = (min(lasting.low, _LONGEST), min(lasting.high, _LONGEST))
    for name in _FLAGS:
        state[f"f_{name}"] = _word(_YES_NO, getattr(wanted, name))
    for name in _LABELS:
        state[f"f_{name}"] = _word(_SAID, getattr(wanted, name))
    state["f_truth"] = list(wanted.truths)
    state["f_standing"] = _word(_STANDING, wanted.standing)
    state["f_reason"] = wanted.reason
    for name, end in zip(_ENDS, wanted.period or (None, None), strict=True):
        state[f"f_{name}"] = end and end.astimezone().replace(tzinfo=None)
    state["f_reviewed"] = _word(_REVIEWED, wanted.reviewed)
    order = (view.order, view.descending)
    state["f_order"] = order if order in _ORDERS else (Order.RELIABILITY, False)


def _changed(console: Console) -> None:
    """Make the address say what the widgets show."""
    state, names = st.session_state, console.names
    spans = {}
    for name, (low, high, _) in _SPANS.items():
        span = Span(*state[f"f_{name}"])
        spans[name] = None if span == (low, high) else span
    lasting: Span | None = Span(*state["f_seconds"])
    if lasting == (0, _LONGEST):
        lasting = None
    elif lasting is not None and lasting.high == _LONGEST:
        lasting = Span(lasting.low, 1e6)
    wanted = Filter(
        runs=tuple(names[name] for name in state["f_run"] if name in names),
        dispositions=tuple(state["f_disposition"]),
        categories=tuple(state["f_category"]),
        types=tuple(state["f_type"]),
        tags=tuple(state["f_tag"]),
        sources=tuple(state["f_source"]),
        **spans,
        seconds=lasting,
        **{name: _YES_NO[state[f"f_{name}"] or "any"] for name in _FLAGS},
        **{name: _SAID[state[f"f_{name}"] or "any"] for name in _LABELS},
        truths=tuple(state["f_truth"]),
        standing=_STANDING[state["f_standing"]],
        reason=state["f_reason"],
        period=_period(),
        reviewed=_REVIEWED[state["f_reviewed"]],
        text=state["f_text"],
    )
    console.remember(ListView(wanted, *state["f_order"]))
    st.session_state["page"] = 1


def _period() -> Period | None:
    """What the two fields of time say; of ends the wrong way round, the first one alone."""
    ends: list[datetime | None] = [st.session_state[f"f_{name}"] for name in _ENDS]
    since, until = (end and end.astimezone() for end in ends)
    if since and until and since >= until:
        until = None
    return Period(since, until) if since or until else None


def _clear(console: Console) -> None:
    console.remember(ListView(Filter()))
    st.session_state["page"] = 1


def _word(meanings: dict[str, Any], value: Any) -> str:
    return next(word for word, meant in meanings.items() if meant == value)


def _uses_more(wanted: Filter) -> bool:
    stated = (wanted.sources, wanted.seconds, wanted.reviewed)
    rare = (wanted.first, wanted.final, wanted.reason, wanted.period)
    return any((*stated, *rare)) or any(getattr(wanted, name) is not None for name in _FLAGS)


@cached
def _choices(at: At, runs: tuple[int, ...]) -> Choices:
    return opened(at.url).browse.choices(runs)
