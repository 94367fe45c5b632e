import json
from html.parser import HTMLParser

import pytest

from reinspect.policies.case import Case
from reinspect.policies.fitted import Result
from reinspect.training.monitor.fit import FitError, fit_monitor
from reinspect.training.monitor.page import page, tables
from reinspect.training.monitor.report import Report, apply, cross_validate, dumped, report_of
from reinspect.training.monitor.targets import Goals
from reinspect.training.splits import Split
from reinspect.vocabulary import Label, Move
from support.made_judgements import judgement, judgements

MADE = judgements(60)
FIGURES = {
    *("accuracy", "balanced_accuracy", "auroc", "ece", "aurc"),
    "accuracy_at_80_coverage",
}


def result(of: Case, probability: float) -> Result:
    return Result(
        id=of.id,
        group=of.group,
        stage="first" if of.second is None else "second",
        probability=probability,
        reliability=0.9,
        label=Label.ANOMALOUS if probability >= 0.5 else Label.NORMAL,
        move=Move.KEEP,
        gain=None,
        disposition=None,
    )


def made_report() -> Report:
    known, results = cross_validate(MADE, Split.RANDOM, seed=0)
    return report_of(known, results, how="made", seed=0)


def test_the_json_has_the_promised_shape() -> None:
    content = json.loads(dumped(made_report()))
    for who in ("first", "blend", "fitted"):
        assert set(content[who]) == FIGURES
    assert {"fixed", "broken", "unchanged_wrong", "unchanged_right", "by_direction"} <= set(
        content["ledger"]
    )
    assert set(content["groups"]) == {"a", "b", "c"}
    assert set(content["groups"]["a"]["fitted"]) == FIGURES
    low, high = content["intervals"]["fitted"]["ece"]
    assert low <= high


def test_the_counts_are_those_of_the_parts() -> None:
    known = [
        judgement("a", 0.2, 0.9, truth=True),
        judgement("b", 0.8, 0.1, truth=True),
        judgement("c", 0.2, 0.2, truth=False),
        judgement("d", 0.7, truth=False),
    ]
    results = [result(j, p) for j, p in zip(known, (0.9, 0.2, 0.1, 0.3), strict=True)]
    report = report_of(known, results, how="")
    assert (report.first.accuracy, report.blend.accuracy, report.fitted.accuracy) == (
        0.5,
        0.5,
        0.75,
    )
    assert (report.ledger.revisited, report.ledger.fixed, report.ledger.broken) == (3, 1, 1)
    assert report.ledger.by_direction.normal_to_anomalous.fixed == 1
    assert report.revisions.rate == pytest.approx(2 / 3)
    assert report.groups == {}
    assert report.settled is None


@pytest.mark.parametrize(
    ("looks", "fused", "said"),
    [
        pytest.param((0.2, 0.3), 0.2, "never revises", id="never"),
        pytest.param((0.2, 0.9), 0.9, "always revises", id="always"),
        pytest.param((0.2,), 0.2, "no part was looked at twice", id="once"),
    ],
)
def test_the_two_collapses_are_warned_of(looks: tuple[float, ...], fused: float, said: str) -> None:
    known = [judgement(str(i), *looks, truth=bool(i % 2)) for i in range(10)]
    report = report_of(known, [result(j, fused) for j in known], how="")
    assert said in report.warnings[0]


def test_a_monitor_warns_of_parts_it_has_seen() -> None:
    monitor = fit_monitor(MADE, goals=Goals(escape=0.3, overkill=0.3))
    fresh = judgements(20, seed=5, groups=("z",))
    known, results, warnings = apply(fresh, monitor)
    assert warnings == ()
    settled = report_of(known, results, how="").settled
    assert settled is not None
    assert settled.review_rate is not None
    _, _, warnings = apply(MADE, monitor)
    assert [w.split(" parts")[0] for w in warnings] == ["30 of 60", "30 of 60"]
    with pytest.raises(FitError, match="no judgement has a truth"):
        apply([judgement("a", 0.5)], monitor)


def test_parts_of_one_class_still_have_a_report_under_a_monitor() -> None:
    good = [j for j in judgements(60, seed=3) if not j.truth]
    known, results, _ = apply(good, fit_monitor(MADE))
    report = report_of(known, results, how="")
    assert report.fitted.auroc is None
    assert report.fitted.accuracy is not None
    assert "–" in page(report)


def test_no_part_is_judged_by_a_monitor_that_has_seen_its_group() -> None:
    known, results = cross_validate(MADE, Split.GROUP, seed=0)
    without = fit_monitor([j for j in known if j.group != "b"])
    for item, found in zip(known, results, strict=True):
        if item.group == "b":
            assert found == without.score(item)


@pytest.mark.parametrize(
    ("made", "split", "said"),
    [
        pytest.param(MADE[:5], Split.RANDOM, "^5 judgements", id="five"),
        pytest.param(
            judgements(40, groups=("a",)), Split.GROUP, "needs at least two", id="one-group"
        ),
        pytest.param(
            [j.model_copy(update={"group": str(j.truth)}) for j in MADE],
            Split.GROUP,
            "without group True: all .* are good",
            id="groups-of-one-class",
        ),
    ],
)
def test_what_cannot_be_cross_validated_is_refused(
    made: list[Case], split: Split, said: str
) -> None:
    with pytest.raises(FitError, match=said):
        cross_validate(made, split, seed=0)


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [f"{k}={v}" for k, v in attrs if k in ("src", "href", "xlink:href")]


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    evil = "<script>alert(1)</script>"
    made = [j.model_copy(update={"group": evil}) for j in MADE]
    known, results = cross_validate(made, Split.RANDOM, seed=0)
    text = page(report_of(known, results, how=evil, warnings=[evil]))
    links = Links()
    links.feed(text)
    assert links.outside == []
    assert "script" not in links.tags
    assert links.tags.count("svg") == 2
    assert links.tags.count("polyline") == 6
    assert "default-src 'none'" in text
    assert evil not in text


def test_the_text_tables_name_all_three() -> None:
    main, ledger, groups = tables(made_report())
    assert list(main.columns[0].cells) == ["first look", "blend", "fitted"]
    assert ledger.row_count == 3
    assert list(groups.columns[0].cells) == ["a", "b", "c"]
