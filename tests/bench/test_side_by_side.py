"""Contestants on the same images: figures by category and scenario, costs, and what is refused."""

import io

import pytest
from rich.console import Console

from reinspect.bench.page import page
from reinspect.bench.protocol import JudgedImage, score
from reinspect.bench.scenarios import Scenario
from reinspect.bench.side_by_side import Benched, SideBySideError, compare
from reinspect.bench.table import compared
from reinspect.cost import ModelCost
from reinspect.texts import visible
from reinspect.vocabulary import Label, Outcome, Truth, Verdict


def judged(image: str, *, bad: bool, first: float, final: float, **rest) -> JudgedImage:
    return JudgedImage(
        image=image,
        category=rest.pop("category", "carpet"),
        truth=Truth(label=Label.of(bad)),
        first=Verdict.of(first),
        final=Verdict.of(final),
        outcome=Outcome.FAIL if final >= 0.5 else Outcome.PASS,
        rounds=int(first != final),
        seconds=0.5 if first == final else 2.0,
        **rest,
    )


def benched(name: str, items: list[JudgedImage], *warnings: str) -> Benched:
    report = score(items, {item.category: 8 for item in items})
    return Benched(name, "critic", items, report, warnings)


PARTS = [(f"{kind}/{place}.png", kind, place % 2 == 0) for kind in ("carpet", "own", "tile")
         for place in range(8)]  # fmt: skip


def contestant(name: str, right: float, **rest) -> Benched:
    """One who reflects on every part of `own` and of nothing else; `right` of these are fixed."""
    items = []
    for image, kind, bad in PARTS:
        wrong = 0.3 if bad else 0.7
        twice = kind == "own"
        fixed = twice and int(image[-5]) < 8 * right
        final = 1 - wrong if fixed else wrong + (0.01 if twice else 0)
        items.append(judged(image, bad=bad, category=kind, first=wrong, final=final, **rest))
    return benched(name, items)


def test_by_category_scenario_and_overall() -> None:
    found = compare(
        [contestant("before", 0), contestant("after", 0.5)],
        scenarios={"own": Scenario.ELECTRONIC},
        rounds=200,
    )
    before, after = found.contestants
    assert set(after.scenarios) == {"electronic", "texture"}
    assert after.scenarios["electronic"].final.accuracy == 0.5
    assert after.scenarios["texture"].final.n == 16
    assert after.overall.ledger.fixed == 4
    assert before.overall.ledger.fixed == 0
    changed = found.differences["after"]
    assert set(found.differences) == {"after"}
    assert changed.categories["own"]["accuracy"].difference == 0.5
    assert changed.scenarios["texture"]["accuracy"].difference == 0
    assert changed.overall["accuracy"].difference == pytest.approx(1 / 6)
    assert after.gains.overall["accuracy"].difference == pytest.approx(1 / 6)
    assert before.gains.overall["accuracy"].interval == (0, 0)
    assert (found.images, found.rounds) == (24, 200)


def test_what_it_took() -> None:
    paid = contestant("paid", 0.5, spent=ModelCost(calls=2, tokens_in=100, seconds=1, usd=0.25))
    unknown = contestant("unknown", 0.5, spent=ModelCost(calls=1, tokens_in=10, unpriced=1))
    one, other = (own.cost for own in compare([paid, unknown], rounds=10).contestants)
    assert (one.second_looks, one.calls, one.tokens, one.usd) == (8, 48, 2400, 6.0)
    assert one.seconds == 8 * 2.0 + 16 * 0.5
    assert other.usd is None


@pytest.mark.parametrize(
    ("other", "words"),
    [
        pytest.param(contestant("before", 0), "two contestants are called 'before'", id="name"),
        pytest.param(
            benched("after", [judged("own/9.png", bad=True, first=0.1, final=0.1)]),
            "not benched on the same images",
            id="images",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(other: Benched, words: str) -> None:
    with pytest.raises(SideBySideError, match=words):
        compare([contestant("before", 0), other])


def test_tables_and_page_tell_the_same() -> None:
    odd = "<b>&[red]"
    warned = contestant(odd, 0.5)._replace(warnings=(f"{odd}: 3 of 24 images are among those",))
    found = compare([contestant("before", 0), warned], rounds=100)
    out = io.StringIO()
    console = Console(file=out, width=140, color_system=None)
    for table in compared(found):
        console.print(table)
    text, html = out.getvalue(), page(found)
    for shown in (text, html):
        assert "+0.167" in shown
        assert "+4 −0" in shown
    assert odd in text
    assert "&lt;b&gt;&amp;[red]: 3 of 24 images" in html
    assert odd not in html
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("<svg") >= 3


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["Q", "R"], id="two"),
        pytest.param([*"QRSTUV"], id="six"),
        pytest.param(["Quite a name, as long as names of files are, and longer", "R"], id="long"),
        pytest.param(["\x1b[2J", "[red]R[/red]"], id="odd"),
    ],
)
def test_tables_fit_80_columns_and_keep_each_contestant_in_its_row(names: list[str]) -> None:
    found = compare([contestant(name, n / 4) for n, name in enumerate(names)], rounds=50)
    for table in compared(found):
        out = io.StringIO()
        Console(file=out, width=80, color_system=None).print(table)
        lines = out.getvalue().splitlines()
        assert max(map(len, lines)) <= 80
        assert not any("\x1b" in line or line.endswith("…") for line in lines)
        for name in names:
            begun = visible(name)[:8]
            own = [line for line in lines if line.strip().startswith(begun)]
            assert own, name
            assert all(any(map(str.isdigit, line.rpartition("  ")[2])) for line in own), name


def test_one_alone_has_no_differences() -> None:
    found = compare([contestant("only", 0.5)], rounds=50)
    assert found.differences == {}
    assert "only: final look less first" in page(found)
