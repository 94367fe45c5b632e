from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reinspect import metrics
from reinspect.policies.case import Case, Occasion, read_cases
from reinspect.training.monitor import fit as fitting
from reinspect.training.monitor.fit import FitError, fit_monitor
from reinspect.training.monitor.heads import CaseArrays, fit_head
from reinspect.training.monitor.report import cross_validate, report_of
from reinspect.training.monitor.targets import Goals
from reinspect.training.splits import Split, folds
from support.made_judgements import judgement, judgements

MADE = judgements(60)


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(MADE))
def test_the_order_of_judgements_does_not_matter(order: list[Case]) -> None:
    assert fit_monitor(order) == fit_monitor(MADE)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(24, 60), strength=st.floats(-1, 2))
def test_looks_never_count_against_what_they_say(seed: int, n: int, strength: float) -> None:
    made = judgements(n, seed=seed, strength=strength, groups=())
    monitor = fit_monitor(made)
    assert monitor.second is not None
    for head in (monitor.first, monitor.second):
        assert all(look.weight >= 0 and look.standing >= 0 for look in head.looks)
        assert head.trust.confidence >= 0


def test_a_seed_decides_everything() -> None:
    assert fit_monitor(MADE, seed=3) == fit_monitor(MADE, seed=3)


def test_fitting_again_on_nearly_the_same_parts_says_nearly_the_same() -> None:
    made = judgements(200, seed=1)
    one, other = fit_monitor(made), fit_monitor(made[:-2], seed=7)
    moved = [abs(one.score(j).probability - other.score(j).probability) for j in made]
    assert max(moved) < 0.05


def test_a_head_at_work_says_what_the_fit_said() -> None:
    made = judgements(50)
    table = CaseArrays.of(made, 2)
    kept = folds(made, Split.RANDOM, seed=0)
    left_out = fit_head(table, kept).left_out
    rest = np.setdiff1d(np.arange(50), kept[0])
    fitted = fit_head(table.rows(rest), folds([made[i] for i in rest], Split.RANDOM, seed=0))
    for i in kept[0]:
        looks = table.looks[i].tolist()
        signals = dict(zip(table.names, table.signals[i].tolist(), strict=True))
        # The spread is chosen anew, so this is near, and not equal.
        assert fitted.head.score(looks, signals).probability == pytest.approx(left_out[i], abs=0.1)


@pytest.mark.parametrize("n", [40, 300])
def test_the_fit_is_no_worse_than_the_blend(n: int) -> None:
    blend, fitted = [], []
    for seed in range(5):
        made = judgements(n + 400, seed=seed)
        monitor, rest = fit_monitor(made[:n]), made[n:]
        truth = [j.truth for j in rest]
        blend.append(metrics.accuracy([j.blend for j in rest], truth))
        fitted.append(metrics.accuracy([monitor.score(j).probability for j in rest], truth))
    assert np.mean(fitted) > np.mean(blend) - 0.02


def test_a_signal_that_tells_is_used_and_one_that_does_not_is_not() -> None:
    made = [
        j.model_copy(update={"signals": {**j.signals, "tells": 3.0 if j.truth else 1.0}})
        for j in judgements(150, strength=0.2)
    ]
    second = fit_monitor(made).second
    assert second is not None
    weights = {name: abs(seen.weight) for name, seen in second.signals.items()}
    assert weights["tells"] > 5 * weights["noise"]


def test_a_signal_that_is_sometimes_missing_or_never_varies_is_harmless() -> None:
    made = [
        j.model_copy(
            update={"signals": {"fixed": 0.1, **({"marks": 2.0 + i % 3} if i % 2 else {})}}
        )
        for i, j in enumerate(judgements(60))
    ]
    made[0] = made[0].model_copy(update={"signals": {"rare": 1.0, "fixed": 0.1}})
    second = fit_monitor(made).second
    assert second is not None
    assert second.signals["marks"].missing == pytest.approx(0.5, abs=0.02)
    assert (second.signals["fixed"].spread, second.signals["fixed"].weight) == (0.0, 0.0)
    assert "rare" not in second.signals


def test_the_first_head_knows_only_what_is_known_after_the_first_look() -> None:
    made = [
        j.model_copy(update={"signals": {"first.peak": 1.0 + (j.truth or 0), "second.x": 1.0}})
        for j in judgements(60)
    ]
    monitor = fit_monitor(made)
    assert monitor.second is not None
    assert set(monitor.first.signals) == {"first.peak"}
    assert set(monitor.second.signals) == {"first.peak", "second.x"}


def test_runs_that_were_not_explored_train_the_first_head_alone() -> None:
    monitor = fit_monitor(judgements(60, occasion=Occasion.ASKED))
    assert (monitor.second, monitor.again) == (None, None)
    assert "--explore" in monitor.training.notes[0]
    assert monitor.training.looked_twice == 0
    few = [j if i < 6 else judgement(j.id, j.first, truth=j.truth) for i, j in enumerate(MADE)]
    assert "too few" in fit_monitor(few).training.notes[0]


def test_a_share_of_revisits_becomes_a_fixed_trigger() -> None:
    made = judgements(300)
    for share in (0.1, 0.5):
        monitor = fit_monitor(made, share=share)
        assert monitor.again is not None
        assert monitor.again.share == pytest.approx(share, abs=0.02)
        asked = [monitor.revisits(judgement("x", j.first)) for j in judgements(300, seed=9)]
        assert np.mean(asked) == pytest.approx(share, abs=0.12)


def test_doubtful_parts_gain_more_and_cost_is_on_record() -> None:
    made = [j.model_copy(update={"seconds": 2.0}) for j in judgements(300)]
    again = fit_monitor(made).again
    assert again is not None
    assert again.gain(0.5) > again.gain(0.98)
    assert (again.cost, again.unit) == (2.0, "second")


def test_the_record_says_what_it_was_fitted_on() -> None:
    unknown = judgement("nobody knows", 0.5, 0.5)
    monitor = fit_monitor([*MADE, unknown], sources={"file": "0" * 64})
    training = monitor.training
    assert (training.items, training.looked_twice, len(training.fitted)) == (60, 60, 60)
    assert training.anomalous == sum(bool(j.truth) for j in MADE)
    assert training.groups == {"a": 20, "b": 20, "c": 20}
    assert training.sources == {"file": "0" * 64}
    assert training.calibrated == ()
    assert training.inner_split == "one group left out at a time"
    assert fit_monitor(judgements(60, groups=())).training.inner_split == "random"


def test_goals_keep_the_calibration_parts_apart() -> None:
    training = fit_monitor(MADE, goals=Goals(escape=0.3)).training
    assert (len(training.fitted), len(training.calibrated)) == (30, 30)
    assert not set(training.fitted) & set(training.calibrated)


def same(items: list[Case], **changes: object) -> list[Case]:
    return [item.model_copy(update=changes) for item in items]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param([], "0 judgements with truth", id="none"),
        pytest.param(MADE[:5], "5 judgements with truth: at least 12", id="five"),
        pytest.param(same(MADE, truth=None), "0 judgements with truth", id="no-truth"),
        pytest.param(same(MADE, truth=True), "all 60 judgements are anomalous", id="bad-only"),
        pytest.param(same(MADE, truth=False), "are good: .* --max-overkill", id="good-only"),
        pytest.param(
            [*same(MADE[:20], truth=False), *same(MADE[20:22], truth=True)],
            "2 anomalous and 20 good judgements: at least 4 of each",
            id="few-of-one-class",
        ),
        pytest.param(
            [judgement(j.id, 0.5, 0.5, truth=j.truth) for j in MADE],
            "every first look says 0.5",
            id="constant",
        ),
        pytest.param([*MADE, MADE[0]], "id 'part 0000' is there twice", id="duplicate"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(made: list[Case], said: str) -> None:
    with pytest.raises(FitError, match=said):
        fit_monitor(made)


def test_a_share_outside_its_range_is_refused() -> None:
    with pytest.raises(FitError, match=r"1\.5"):
        fit_monitor(MADE, share=1.5)


def test_good_parts_alone_give_an_overkill_threshold_and_no_more() -> None:
    good = judgements(200, good_share=1.0)
    monitor = fit_monitor(good, goals=Goals(overkill=0.05))
    settle = monitor.dispositions
    assert settle is not None
    assert settle.overkill is not None
    assert settle.overkill.held
    assert settle.escape is None
    assert any("only overkill is guaranteed" in note for note in settle.notes)
    assert monitor.score(judgement("x", 0.7, 0.7)).probability == pytest.approx(0.7)
    with pytest.raises(FitError, match="5 judgements"):
        fit_monitor(good[:5], goals=Goals(overkill=0.05))


def test_too_few_groups_of_both_classes_fall_back_to_random_folds() -> None:
    sorted_by_truth = [j.model_copy(update={"group": str(j.truth)}) for j in MADE]
    assert fit_monitor(sorted_by_truth).training.inner_split == "random"
    assert fitting.LEAST_ITEMS == 12


@pytest.mark.slow
@pytest.mark.parts
def test_real_judgements_reach_what_they_must(real_parts: Path) -> None:
    file = real_parts / "judgements" / "qwen3.5-vl-27b.jsonl"
    if not file.is_file():
        pytest.skip(f"no judgements at {file}")
    judged = read_cases(file)
    rows = []
    for seed in range(10):
        known, results = cross_validate(judged, Split.RANDOM, seed=seed)
        truth = [j.truth for j in known]
        p = [r.probability for r in results]
        right = metrics.right(p, truth)
        ledger = metrics.Ledger.count([j.first for j in known], p, truth)
        rows.append(
            (
                metrics.accuracy(p, truth),
                metrics.ece(p, truth),
                metrics.aurc([r.reliability for r in results], right),
                ledger.fixed,
                ledger.broken,
            )
        )
    accuracy, ece, aurc, fixed, broken = np.mean(rows, axis=0)
    assert accuracy >= 0.745
    assert ece <= 0.055
    assert aurc <= 0.180
    assert fixed >= 30
    assert fixed >= 1.5 * broken
    known, results = cross_validate(judged, Split.GROUP, seed=0)
    report = report_of(known, results, how="")
    assert report.fitted.accuracy is not None
    assert report.fitted.accuracy >= 0.735
    assert report.fitted.ece is not None
    assert report.fitted.ece <= 0.10
