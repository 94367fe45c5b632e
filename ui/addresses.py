"""Filters in the page's address, so that a view can be sent to a colleague."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from reinspect.store import Filter, Order, Reviewed, Span
from reinspect.vocabulary import Outcome

LISTS = {"category": "categories", "type": "types", "source": "sources"}
SPANS = ("reliability", "divergence", "seconds")
NAMES = (
    "run",
    "disposition",
    "category",
    "type",
    "source",
    *SPANS,
    "revised",
    "errors",
    "reviewed",
    "text",
    "sort",
)
"""The parameters of a filter that are read from an address; one may occur several times."""


class Params(Protocol):
    """Streamlit's query parameters, as far as they are used here."""

    def get_all(self, key: str) -> list[str]: ...


class ListView(NamedTuple):
    """A filter and its order."""

    wanted: Filter
    order: Order = Order.RELIABILITY
    descending: bool = False


def read(params: Params, runs: Mapping[str, int]) -> ListView:
    """The view that an address asks for; parameters that make no sense are left out.

    Args:
        params: of the address.
        runs: name → id of the runs that there are.
    """
    fields: dict[str, Any] = {field: tuple(params.get_all(name)) for name, field in LISTS.items()}
    fields["runs"] = tuple(runs[name] for name in params.get_all("run") if name in runs)
    fields["dispositions"] = tuple(
        Outcome(word) for word in params.get_all("disposition") if word in set(Outcome)
    )
    for name in SPANS:
        fields[name] = _span(params.get_all(name))
    for name in ("revised", "errors"):
        fields[name] = {"yes": True, "no": False}.get(_last(params.get_all(name)))
    reviewed = _last(params.get_all("reviewed"))
    fields["reviewed"] = Reviewed(reviewed) if reviewed in set(Reviewed) else None
    fields["text"] = _last(params.get_all("text"))
    sort = _last(params.get_all("sort"))
    name = sort.removeprefix("-")
    order = Order(name) if name in set(Order) else Order.RELIABILITY
    return ListView(Filter(**fields), order, sort.startswith("-"))


def write(view: ListView, runs: Mapping[str, int]) -> dict[str, list[str]]:
    """The view as parameters, without defaults; `read` makes the same view of them."""
    wanted = view.wanted
    said: dict[str, Iterable[str]] = {
        "run": [name for name, key in runs.items() if key in wanted.runs],
        "disposition": [outcome.value for outcome in wanted.dispositions],
        **{name: getattr(wanted, field) for name, field in LISTS.items()},
        "reviewed": [wanted.reviewed.value] if wanted.reviewed else [],
        "text": [wanted.text] if wanted.text else [],
    }
    for name in SPANS:
        span: Span | None = getattr(wanted, name)
        said[name] = [f"{span.low:g}~{span.high:g}"] if span else []
    for name in ("revised", "errors"):
        value: bool | None = getattr(wanted, name)
        said[name] = [] if value is None else ["yes" if value else "no"]
    sort = f"{'-' if view.descending else ''}{view.order.value}"
    said["sort"] = [] if sort == Order.RELIABILITY.value else [sort]
    return {name: list(values) for name, values in said.items() if values}


def _span(said: Sequence[str]) -> Span | None:
    low, _, high = _last(said).partition("~")
    try:
        span = Span(float(low), float(high))
    except ValueError:
        return None
    finite = all(abs(end) < 1e9 for end in span)
    return span if finite and span.low <= span.high else None


def _last(said: Sequence[str]) -> str:
    return said[-1] if said else ""
