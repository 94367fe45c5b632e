"""The attribute-agreement study, against published cross tables, and a table worked by hand."""

import pytest

from reinspect.bench.agreement.guide import judged, judged_kappa
from reinspect.bench.agreement.page import page
from reinspect.bench.agreement.study import (
    AgreementError,
    AgreementStudy,
    Appraiser,
    Rating,
    study,
)
from reinspect.vocabulary import Label, Outcome

RATINGS = {"g": Rating.GOOD, "d": Rating.DEFECTIVE, "u": Rating.UNDECIDED}


def rated(name: str, **trials: str) -> Appraiser:
    return Appraiser(
        name, "person", {part: tuple(RATINGS[said] for said in own) for part, own in trials.items()}
    )


def crossed(dd: int, dg: int, gd: int, gg: int) -> AgreementStudy:
    """Two appraisers by their cross table, the second being the truth as well; one trial each."""
    pairs = ["dd"] * dd + ["dg"] * dg + ["gd"] * gd + ["gg"] * gg
    named = {f"p{number:03}": pair for number, pair in enumerate(pairs)}
    truth = {part: Label.of(pair[1] == "d") for part, pair in named.items()}
    one = rated("one", **{part: pair[0] for part, pair in named.items()})
    other = rated("other", **{part: pair[1] for part, pair in named.items()})
    return study([one, other], truth, rounds=200)


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        pytest.param((44, 6, 3, 97), 0.86, id="A-B"),
        pytest.param((42, 5, 9, 94), 0.79, id="B-C"),
        pytest.param((43, 7, 8, 92), 0.78, id="A-C"),
        pytest.param((45, 5, 3, 97), 0.88, id="A-truth"),
        pytest.param((45, 2, 3, 100), 0.92, id="B-truth"),
        pytest.param((42, 9, 6, 93), 0.77, id="C-truth"),
    ],
)
def test_cross_tables_of_the_manual(table: tuple[int, int, int, int], kappa: float) -> None:
    """AIAG, Measurement Systems Analysis, 4th edition, III C: 50 parts, 3 appraisers, 3 trials."""
    (pair,) = crossed(*table).pairs
    assert pair.kappa.kappa == pytest.approx(kappa, abs=0.005)
    assert pair.kappa.interval is not None
    assert pair.kappa.interval.low < kappa < pair.kappa.interval.high
    assert pair.table["defective"] == {"defective": table[0], "good": table[1], "undecided": 0}


@pytest.mark.parametrize(
    ("table", "miss", "false_alarm"),
    [
        pytest.param((45, 5, 3, 97), 0.063, 0.049, id="A"),
        pytest.param((45, 2, 3, 100), 0.063, 0.020, id="B"),
        pytest.param((42, 9, 6, 93), 0.125, 0.088, id="C"),
    ],
)
def test_miss_and_false_alarm_rates_of_the_manual(
    table: tuple[int, int, int, int], miss: float, false_alarm: float
) -> None:
    one = crossed(*table).appraisers[0]
    assert one.miss_rate.share == pytest.approx(miss, abs=0.00051)
    assert one.false_alarm_rate.share == pytest.approx(false_alarm, abs=0.00051)


@pytest.mark.parametrize(
    ("right", "low", "high"),
    [(42, 0.71, 0.93), (45, 0.78, 0.97), (40, 0.66, 0.90)],
    ids=["A", "B", "C"],
)
def test_effectiveness_of_the_manual_with_its_interval(right: int, low: float, high: float) -> None:
    parts = {f"p{number:02}": "ggg" if number < right else "gdg" for number in range(50)}
    found = study([rated("one", **parts)], dict.fromkeys(parts, Label.NORMAL), rounds=50)
    effective = found.appraisers[0].effectiveness
    assert effective.interval is not None
    assert (effective.share, *effective.interval) == pytest.approx(
        (right / 50, low, high), abs=0.006
    )


BY_HAND = [
    rated("one", a="ggg", b="ddd", c="dgd", d="ddd"),
    rated("two", a="ggg", b="ddd", c="ddd", d="ggu"),
]
TRUTH = {"a": Label.NORMAL, "b": Label.ANOMALOUS, "c": Label.ANOMALOUS, "d": Label.NORMAL}


@pytest.fixture(scope="module")
def by_hand() -> AgreementStudy:
    return study(BY_HAND, TRUTH)


def test_a_table_worked_by_hand(by_hand: AgreementStudy) -> None:
    one, two = by_hand.appraisers
    shares = [
        (one.repeatability, 3, 4),  # c
        (two.repeatability, 3, 4),  # d
        (one.effectiveness, 2, 4),  # a, b
        (two.effectiveness, 3, 4),  # a, b, c
        (one.miss_rate, 1, 6),
        (two.miss_rate, 0, 6),
        (one.false_alarm_rate, 3, 6),
        (two.false_alarm_rate, 0, 6),  # undecided is no false alarm
        (by_hand.together.reproducibility, 2, 4),
        (by_hand.together.effectiveness, 2, 4),
    ]
    assert [(found.count, found.of) for found, _, _ in shares] == [(k, n) for _, k, n in shares]
    assert (one.undecided, two.undecided) == (0, 1)


def test_kappas_worked_by_hand(by_hand: AgreementStudy) -> None:
    one, _ = by_hand.appraisers
    # Within: three parts alike, the fourth to a third; shares .333 good, .667 defective.
    assert one.within.kappa == pytest.approx((10 / 12 - 5 / 9) / (4 / 9))
    # Against the truth: 8 of 12 agree; `one` says 4 good and 8 defective, the truth 6 and 6.
    assert one.against_truth.kappa == pytest.approx((8 / 12 - 0.5) / 0.5)
    # Each other: 8 of 12; `one` 4 g, 8 d; `two` 5 g, 6 d, 1 u.
    (pair,) = by_hand.pairs
    assert pair.kappa.kappa == pytest.approx((8 / 12 - 68 / 144) / (76 / 144))
    # Together: of 15 pairs of ratings a part's are alike: all, all, 10, and 3 + 1 (d: ddd, gg, u).
    agreed = (1 + 1 + 10 / 15 + 4 / 15) / 4
    chance = (9 / 24) ** 2 + (14 / 24) ** 2 + (1 / 24) ** 2
    assert by_hand.together.between.kappa == pytest.approx((agreed - chance) / (1 - chance))


def test_the_contested_parts_are_told(by_hand: AgreementStudy) -> None:
    assert [found.part for found in by_hand.contested] == ["c", "d"]
    assert by_hand.contested[0].truth is Rating.DEFECTIVE


def test_nobody_is_wrong_for_sure_where_no_rating_is(by_hand: AgreementStudy) -> None:
    # No miss on two defective parts: up to .84 of such parts may be missed.
    missed = by_hand.appraisers[1].miss_rate
    assert missed.interval == pytest.approx((0, 0.842), abs=0.001)


def test_unlike_parts_and_trials() -> None:
    found = study([rated("one", a="gg", b="d"), rated("two", b="dgd", c="g")], {}, rounds=50)
    assert [one.trials for one in found.appraisers] == [(1, 2), (1, 3)]
    assert [one.repeatability.of for one in found.appraisers] == [1, 1]
    assert (found.parts, found.known, found.pairs[0].parts, found.together.parts) == (3, 0, 1, 1)
    assert found.appraisers[0].effectiveness.share is None
    assert found.appraisers[0].against_truth.kappa is None


def test_the_same_seed_gives_the_same_study(by_hand: AgreementStudy) -> None:
    assert study(BY_HAND, TRUTH) == by_hand


@pytest.mark.parametrize(
    ("appraisers", "said"),
    [
        pytest.param([rated("one", a="g"), rated("one", a="d")], "two .* called 'one'", id="names"),
        pytest.param([rated("one")], "nobody has rated a part", id="nothing"),
    ],
)
def test_what_is_no_study(appraisers: list[Appraiser], said: str) -> None:
    with pytest.raises(AgreementError, match=said):
        study(appraisers, {})


@pytest.mark.parametrize(
    ("rating", "said"),
    [
        (Rating.of_label(Label.NORMAL), Rating.GOOD),
        (Rating.of_label(Label.ANOMALOUS), Rating.DEFECTIVE),
        (Rating.of_label(None), Rating.UNDECIDED),
        (Rating.of_outcome(Outcome.PASS), Rating.GOOD),
        (Rating.of_outcome(Outcome.FAIL), Rating.DEFECTIVE),
        (Rating.of_outcome(Outcome.REVIEW), Rating.UNDECIDED),
    ],
)
def test_what_counts_as_which_rating(rating: Rating, said: Rating) -> None:
    assert rating is said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (judged("effectiveness", 0.90), "acceptable"),
        (judged("effectiveness", 0.85), "marginal"),
        (judged("effectiveness", 0.79), "unacceptable"),
        (judged("miss_rate", 0.02), "acceptable"),
        (judged("miss_rate", 0.05), "marginal"),
        (judged("miss_rate", 0.06), "unacceptable"),
        (judged("false_alarm_rate", 0.05), "acceptable"),
        (judged("false_alarm_rate", 0.1), "marginal"),
        (judged("false_alarm_rate", 0.2), "unacceptable"),
        (judged("miss_rate", None), None),
        (judged_kappa(0.76), "acceptable"),
        (judged_kappa(0.75), "marginal"),
        (judged_kappa(0.39), "unacceptable"),
        (judged_kappa(None), None),
    ],
)
def test_the_guidelines_of_the_manual(said: str | None, words: str | None) -> None:
    assert said == words


def test_the_page_has_the_plot_and_no_markup_of_others(by_hand: AgreementStudy) -> None:
    assert page(by_hand).count("<circle") == 4
    odd = study([rated("<b>", **{"<i>": "gd"})], {}, rounds=50)
    shown = page(odd)
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert "Appraiser against truth" not in shown  # nothing is known
