import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from reinspect.metrics import cohen_kappa


def test_the_textbook_example() -> None:
    # 50 proposals, 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: kappa 0.4 (Cohen's own arithmetic).
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_scikit_learn(seed: int) -> None:
    drawn = np.random.default_rng(seed).integers(3, size=(2, 40)).tolist()
    assert cohen_kappa(*drawn) == pytest.approx(cohen_kappa_score(*drawn))


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        pytest.param("ab", "ab", 1.0, id="agreed"),
        pytest.param("ab", "ba", -1.0, id="opposed"),
        pytest.param("aa", "ab", 0.0, id="no-better-than-chance"),
        pytest.param("aa", "aa", None, id="one-label"),
        pytest.param("", "", None, id="nothing"),
    ],
)
def test_ends(first: str, second: str, kappa: float | None) -> None:
    assert cohen_kappa(list(first), list(second)) == kappa


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="first 1, second 2"):
        cohen_kappa(["a"], ["a", "b"])
