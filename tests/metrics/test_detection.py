import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect import metrics
from reinspect.vocabulary import Outcome

PASS, FAIL, REVIEW = Outcome.PASS, Outcome.FAIL, Outcome.REVIEW

# Multiples of 1/8 tie often and survive 1 − p exactly.
eighths = st.integers(0, 8).map(lambda k: k / 8)
judged = st.lists(st.tuples(eighths, st.booleans()), min_size=1, max_size=40)


def pairs_auroc(score, truth):
    wins = [
        1.0 if s > r else 0.5 if s == r else 0.0
        for s, bad in zip(score, truth, strict=True)
        if bad
        for r, other in zip(score, truth, strict=True)
        if not other
    ]
    return float(np.mean(wins)) if wins else None


@pytest.mark.parametrize(
    ("probability", "truth", "accuracy", "balanced", "auroc"),
    [
        pytest.param([0.1, 0.9], [0, 1], 1.0, 1.0, 1.0, id="perfect"),
        pytest.param([0.9, 0.1], [0, 1], 0.0, 0.0, 0.0, id="worst"),
        pytest.param([0.5, 0.5], [0, 1], 0.5, 0.5, 0.5, id="half-is-anomalous-and-ties-half"),
        pytest.param([0.2, 0.3, 0.4, 0.6], [0, 0, 0, 1], 1.0, 1.0, 1.0, id="unequal-classes"),
        pytest.param([0.2, 0.3, 0.6, 0.4], [0, 0, 0, 1], 0.5, 1 / 3, 2 / 3, id="balance-counts"),
        pytest.param([0.2, 0.6], [0, 0], 0.5, None, None, id="good-only"),
        pytest.param([0.2, 0.6], [1, 1], 0.5, None, None, id="defective-only"),
        pytest.param([], [], None, None, None, id="nothing"),
    ],
)
def test_labels_and_ranks(probability, truth, accuracy, balanced, auroc):
    assert metrics.accuracy(probability, truth) == accuracy
    assert metrics.balanced_accuracy(probability, truth) == pytest.approx(balanced)
    assert metrics.auroc(probability, truth) == pytest.approx(auroc)


@given(judged)
def test_auroc_is_the_share_of_pairs_won(items):
    score, truth = zip(*items, strict=True)
    assert metrics.auroc(score, truth) == pytest.approx(pairs_auroc(score, truth))


@given(judged)
def test_auroc_of_the_complement_is_the_complement(items):
    score, truth = map(np.array, zip(*items, strict=True))
    area = metrics.auroc(score, truth)
    assert metrics.auroc(1 - score, truth) == (None if area is None else pytest.approx(1 - area))
    assert metrics.auroc(score, ~truth) == (None if area is None else pytest.approx(1 - area))


@given(judged, st.randoms())
def test_order_does_not_matter(items, random):
    shuffled = list(items)
    random.shuffle(shuffled)
    one, other = zip(*items, strict=True), zip(*shuffled, strict=True)
    (p, t), (q, u) = one, other
    for metric in (metrics.accuracy, metrics.balanced_accuracy, metrics.auroc):
        assert metric(p, t) == pytest.approx(metric(q, u))


def test_agrees_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(7)
    truth = rng.random(300) < 0.3
    score = np.round(np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1), 2)
    assert metrics.auroc(score, truth) == pytest.approx(sklearn.roc_auc_score(truth, score))
    assert metrics.balanced_accuracy(score, truth) == pytest.approx(
        sklearn.balanced_accuracy_score(truth, score >= 0.5)
    )


@pytest.mark.parametrize(
    ("outcomes", "truth", "escape", "overkill", "review"),
    [
        pytest.param([PASS, FAIL], [0, 1], 0, 0, 0, id="perfect"),
        pytest.param([FAIL, PASS], [0, 1], 1, 1, 0, id="worst"),
        pytest.param([REVIEW, REVIEW], [0, 1], 0, 0, 1, id="all-reviewed"),
        pytest.param([PASS, REVIEW, FAIL, FAIL], [1, 1, 0, 0], 0.5, 1, 0.25, id="mixed"),
        pytest.param([PASS], [0], None, 0, 0, id="good-only"),
        pytest.param([PASS], [1], 1, None, 0, id="defective-only"),
        pytest.param([], [], None, None, None, id="nothing"),
    ],
)
def test_rates_of_dispositions(outcomes, truth, escape, overkill, review):
    assert metrics.escape_rate(outcomes, truth) == escape
    assert metrics.overkill_rate(outcomes, truth) == overkill
    assert metrics.review_rate(outcomes) == review


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: metrics.accuracy([0.2, 1.5], [0, 1]), r"probability\[1\] is 1.5", id="above-1"
        ),
        pytest.param(
            lambda: metrics.auroc([float("nan")], [0]), r"score\[0\] is nan", id="not-a-number"
        ),
        pytest.param(
            lambda: metrics.auroc([1.0, float("inf")], [0, 1]), r"score\[1\] is inf", id="infinite"
        ),
        pytest.param(
            lambda: metrics.accuracy([0.2], [0, 1]), "probability 1, truth 2", id="lengths"
        ),
        pytest.param(
            lambda: metrics.accuracy([[0.2]], [0]), r"shape \(1, 1\)", id="two-dimensional"
        ),
        pytest.param(lambda: metrics.accuracy([0.2], [2]), r"truth\[0\] is 2.0", id="truth-of-2"),
        pytest.param(
            lambda: metrics.accuracy(["high"], [1]), r"probability \['high'\]", id="not-numbers"
        ),
        pytest.param(
            lambda: metrics.escape_rate([PASS], [0, 1]), "outcomes 1, truth 2", id="outcomes"
        ),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
