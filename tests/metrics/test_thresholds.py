import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect import metrics

judged = st.lists(
    st.tuples(st.integers(0, 8).map(lambda k: k / 8), st.booleans()), min_size=1, max_size=30
)


def balanced_at(p, t, threshold):
    moved = (np.asarray(p) >= threshold).astype(float)
    return metrics.balanced_accuracy(moved, t)


@pytest.mark.parametrize(
    ("probability", "truth", "expected"),
    [
        pytest.param([0.1, 0.2, 0.4, 0.6], [0, 0, 1, 1], 0.3, id="mid-point"),
        pytest.param([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1], 0.5, id="the-default-stays"),
        pytest.param([0.1, 0.3, 0.35, 0.4], [0, 0, 1, 0], 0.325, id="best-of-unequal-classes"),
        pytest.param([0.2, 0.2], [0, 1], 0.6, id="constant-nearest-to-half"),
        pytest.param([0.5, 0.5], [0, 1], 0.25, id="equally-near-takes-the-lower"),
        pytest.param([0.0, 1.0], [1, 0], 0.0, id="inverted-calls-all-anomalous"),
        pytest.param([0.2, 0.8], [1, 1], None, id="one-class"),
        pytest.param([], [], None, id="nothing"),
    ],
)
def test_fit_threshold(probability, truth, expected):
    assert metrics.fit_threshold(probability, truth) == pytest.approx(expected)


@given(judged)
def test_no_threshold_does_better(items):
    p, t = zip(*items, strict=True)
    threshold = metrics.fit_threshold(p, t)
    if threshold is None:
        assert len(set(t)) == 1
        return
    best = max(balanced_at(p, t, other) for other in np.linspace(0, 1, 41))
    assert balanced_at(p, t, threshold) == pytest.approx(best)
    assert best >= 0.5


def test_each_group_has_one_vote():
    # One large group is best split at .8, two small ones at .3.
    p = [0.7, 0.9] * 20 + [0.2, 0.4] * 2
    t = [0, 1] * 20 + [0, 1] * 2
    groups = ["large"] * 40 + ["a", "a", "b", "b"]
    assert metrics.fit_threshold(p, t) == pytest.approx(0.8)
    assert metrics.fit_threshold(p, t, groups) == pytest.approx(0.3)


def test_a_group_of_one_class_has_no_say():
    p, t = [0.2, 0.4, 0.9, 0.8], [0, 1, 0, 0]
    assert metrics.fit_threshold(p, t, ["a", "a", "b", "b"]) == pytest.approx(0.3)


def test_leaving_a_group_out_leaves_it_out():
    p = [0.2, 0.4, 0.6, 0.8, 0.1, 0.3]
    t = [0, 1, 0, 1, 0, 1]
    groups = ["a", "a", "b", "b", "c", "c"]
    before = metrics.leave_one_group_out(p, t, groups)
    assert before["b"] == pytest.approx(0.25)
    # Whatever becomes of b, its own threshold stays, while the others' move.
    after = metrics.leave_one_group_out([0.2, 0.4, 0.1, 0.15, 0.1, 0.3], t, groups)
    assert after["b"] == before["b"]
    assert after["a"] != before["a"]


def test_the_groups_left_in_have_one_vote_each():
    p = [0.7, 0.9] * 20 + [0.2, 0.4] * 2 + [0.5]
    t = [0, 1] * 20 + [0, 1] * 2 + [0]
    groups = ["large"] * 40 + ["a", "a", "b", "b"] + ["out"]
    assert metrics.leave_one_group_out(p, t, groups)["out"] == pytest.approx(0.3)


def test_a_single_group_has_no_control():
    assert metrics.leave_one_group_out([0.2, 0.8], [0, 1], ["a", "a"]) == {"a": None}


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.floats(0, 1),
)
def test_shifting_keeps_order_and_moves_the_threshold_to_half(p, threshold):
    moved = metrics.shift(p, threshold)
    assert ((moved >= 0) & (moved <= 1)).all()
    assert ((moved >= 0.5) == (np.array(p) >= threshold)).all()
    assert (np.diff(moved[np.argsort(p)]) >= -1e-12).all()


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.93])
def test_shifting_is_a_shift_of_the_logit(threshold):
    p = np.array([0.05, 0.3, 0.5, 0.99])

    def logit(x):
        return np.log(x / (1 - x))

    moved = metrics.shift(p, threshold)
    assert logit(moved) == pytest.approx(logit(p) - logit(threshold))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda: metrics.shift([0.5], 1.5), "threshold 1.5", id="threshold"),
        pytest.param(lambda: metrics.shift([1.5], 0.5), "1.5, outside", id="probability"),
        pytest.param(
            lambda: metrics.fit_threshold([0.5], [1], ["a", "b"]), "groups 2, truth 1", id="groups"
        ),
        pytest.param(
            lambda: metrics.leave_one_group_out([0.5], [1], []), "groups 0, truth 1", id="no-groups"
        ),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
