from collections.abc import Sequence
from datetime import datetime

import pytest

from reinspect.store import Filter, Order, Period, Reviewed, Span, Standing
from reinspect.ui.addresses import ListView, read, write
from reinspect.ui.words import plain
from reinspect.vocabulary import Label, Outcome

RUNS = {'mon"day & <b>': 3, "tuesday": 4}


class Params(dict[str, Sequence[str]]):
    def get_all(self, key: str) -> list[str]:
        return list(self.get(key, ()))


FULL = Filter(
    runs=(3, 4),
    categories=("bolt", "nut=1&x"),
    dispositions=(Outcome.PASS, Outcome.REVIEW),
    types=("bent pin",),
    tags=("line=3", "lot=ü=1"),
    sources=("zoom",),
    reliability=Span(0.1, 0.9),
    divergence=Span(-0.5, 0.25),
    seconds=Span(1, 60),
    revised=True,
    errors=False,
    reviewed=Reviewed.DISPUTED,
    truths=(Label.NORMAL, Label.ANOMALOUS),
    standing=Standing.OVERRULED,
    twice=False,
    first=Label.NORMAL,
    final=Label.ANOMALOUS,
    setup=True,
    commented=True,
    reason="turned by 88°",
    period=Period(datetime(2026, 3, 1, 6, 30).astimezone(), None),
    text="über 100 %",
)


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(ListView(Filter()), id="all"),
        pytest.param(ListView(FULL, Order.SECONDS, descending=True), id="every-field"),
        pytest.param(ListView(Filter(), Order.RELIABILITY, descending=True), id="highest-first"),
    ],
)
def test_a_view_survives_its_address(view: ListView) -> None:
    assert read(Params(write(view, RUNS)), RUNS) == view


def test_the_default_view_needs_no_address() -> None:
    assert write(ListView(Filter()), RUNS) == {}


@pytest.mark.parametrize(
    "params",
    [
        {"reliability": ["nan~1"]},
        {"reliability": ["0.9~0.1"]},
        {"reliability": ["1e999~2e999"]},
        {"disposition": ["pass", ""]},
        {"reviewed": ["maybe"]},
        {"revised": ["1"]},
        {"truth": ["good"]},
        {"standing": ["left"]},
        {"first": ["?"]},
        {"time": ["yesterday~"]},
        {"time": ["2026-03-02~2026-03-01"]},
        {"time": ["~"]},
        {"time": ["0001-01-01~9999-12-31T23:59"]},
        {"sort": ["--id; DROP TABLE runs"]},
        {"run": ["wednesday"]},
    ],
)
def test_nonsense_is_passed_over(params: dict[str, list[str]]) -> None:
    assert read(Params(params), RUNS).wanted == Filter()


def test_no_markdown_is_left_in_a_label() -> None:
    assert plain("a_b* [x](y) `z` :red[w]") == r"a\_b\* \[x\]\(y\) \`z\` \:red\[w\]"
    assert plain("one\ntwo") == "one two"
    assert len(plain("x" * 500)) == 120
