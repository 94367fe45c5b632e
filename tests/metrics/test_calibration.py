import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect import metrics

eighths = st.integers(0, 8).map(lambda k: k / 8)
ranked = st.lists(st.tuples(eighths, st.booleans()), min_size=1, max_size=30)


def plain_ece(probability, truth):
    """Straight from the definition, one verdict at a time."""
    bins = {}
    for p, t in zip(probability, truth, strict=True):
        sure = max(p, 1 - p)
        bins.setdefault(min(int((sure - 0.5) * 20), 9), []).append((sure, (p >= 0.5) == t))
    n = len(probability)
    return sum(abs(sum(s for s, _ in b) - sum(h for _, h in b)) for b in bins.values()) / n


def plain_risks(order, hit):
    ranks = np.argsort(-np.asarray(order), kind="stable")
    return np.cumsum(~np.asarray(hit)[ranks]) / np.arange(1, len(hit) + 1)


@pytest.mark.parametrize(
    ("probability", "truth", "expected"),
    [
        pytest.param([1.0, 0.0], [1, 0], 0.0, id="sure-and-right"),
        pytest.param([1.0, 0.0], [0, 1], 1.0, id="sure-and-wrong"),
        pytest.param([0.5, 0.5], [0, 1], 0.0, id="a-coin-and-knows-it"),
        pytest.param([0.75, 0.25, 0.75, 0.25], [1, 0, 1, 1], 0.0, id="three-of-four-at-.75"),
        pytest.param([0.97, 0.53], [1, 0], (0.03 + 0.53) / 2, id="two-bins"),
        pytest.param([], [], None, id="nothing"),
    ],
)
def test_ece(probability, truth, expected):
    assert metrics.ece(probability, truth) == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_ece_follows_its_definition(items):
    p, t = zip(*items, strict=True)
    assert 0 <= metrics.ece(p, t) <= 1
    # Away from bin edges, where the rounding of either decides.
    if all(abs(round(20 * max(x, 1 - x)) - 20 * max(x, 1 - x)) > 1e-9 for x in p):
        assert metrics.ece(p, t) == pytest.approx(plain_ece(p, t))


def test_the_diagram_counts_every_verdict_once_and_shows_empty_bins():
    bars = metrics.reliability_diagram([0.5, 0.55, 1.0, 0.0], [1, 1, 1, 1])
    assert [bar.n for bar in bars] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bars[9] == pytest.approx((0.95, 1.0, 2, 1.0, 0.5))
    assert bars[2].confidence is None
    assert bars[2].right is None


@pytest.mark.parametrize(
    ("reliability", "hit", "aurc", "at_80"),
    [
        pytest.param([0.9, 0.8, 0.7, 0.6, 0.1], [1, 1, 1, 1, 0], 0.2 / 5, 1.0, id="error-last"),
        pytest.param(
            [0.9, 0.8, 0.7, 0.6, 0.1],
            [0, 1, 1, 1, 1],
            (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5,
            0.75,
            id="error-first",
        ),
        pytest.param([0.5] * 5, [0, 1, 1, 1, 1], 0.2, 0.8, id="all-tie"),
        pytest.param([0.2] * 3, [1, 1, 1], 0.0, 1.0, id="all-right"),
        pytest.param([0.2] * 3, [0, 0, 0], 1.0, 0.0, id="all-wrong"),
        pytest.param([], [], None, None, id="nothing"),
    ],
)
def test_ranking_by_reliability(reliability, hit, aurc, at_80):
    assert metrics.aurc(reliability, hit) == pytest.approx(aurc)
    assert metrics.accuracy_at_coverage(reliability, hit) == pytest.approx(at_80)


@pytest.mark.parametrize(
    ("n", "kept"),
    [
        pytest.param(5, 4, id="exact"),
        pytest.param(35, 28, id="exact-but-for-the-float"),
        pytest.param(6, 5, id="rounded-up"),
        pytest.param(1, 1, id="one"),
    ],
)
def test_coverage_keeps_at_least_its_share(n, kept):
    hit = np.arange(n) < kept - 1  # of the kept ones, the last is wrong
    rank = np.linspace(1, 0, n)
    assert metrics.accuracy_at_coverage(rank, hit, 0.8) == pytest.approx((kept - 1) / kept)


@given(ranked)
def test_without_ties_the_curve_is_the_plain_one(items):
    hit = [right for _, right in items]
    rank = np.linspace(1, 0, len(hit))
    coverage, risk = metrics.risk_coverage(rank, hit)
    assert risk == pytest.approx(plain_risks(rank, hit))
    assert coverage == pytest.approx(np.arange(1, len(hit) + 1) / len(hit))


def test_ties_give_the_average_over_random_orders():
    rng = np.random.default_rng(3)
    rank = rng.integers(0, 4, 30) / 4
    hit = rng.random(30) < 0.6
    drawn = []
    for _ in range(4000):
        places = rng.permutation(30)
        drawn.append(plain_risks(rank[places], hit[places]))
    risks = np.mean(drawn, axis=0)
    assert metrics.risk_coverage(rank, hit)[1] == pytest.approx(risks, abs=0.02)
    assert metrics.aurc(rank, hit) == pytest.approx(risks.mean(), abs=0.01)
    assert metrics.accuracy_at_coverage(rank, hit) == pytest.approx(1 - risks[23], abs=0.01)


@given(ranked, st.randoms())
def test_order_does_not_matter(items, random):
    shuffled = list(items)
    random.shuffle(shuffled)
    (p, t), (q, u) = zip(*items, strict=True), zip(*shuffled, strict=True)
    for metric in (metrics.ece, metrics.aurc, metrics.accuracy_at_coverage):
        assert metric(p, t) == pytest.approx(metric(q, u))


@given(ranked)
def test_bounds_and_full_coverage(items):
    rank, hit = zip(*items, strict=True)
    assert 0 <= metrics.aurc(rank, hit) <= 1
    assert metrics.accuracy_at_coverage(rank, hit, 1) == pytest.approx(np.mean(hit))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: metrics.accuracy_at_coverage([0.5], [1], 0), "coverage 0 ", id="coverage-0"
        ),
        pytest.param(lambda: metrics.aurc([0.5, 0.4], [1]), "reliability 2, hit 1", id="lengths"),
        pytest.param(lambda: metrics.aurc([-0.5], [1]), "-0.5, outside", id="negative"),
        pytest.param(lambda: metrics.ece([1.01], [1]), "1.01, outside", id="above-1"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
