import itertools

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from reinspect.metrics import cohen_interval, cohen_kappa, fleiss_interval, fleiss_kappa


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


FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
"""A well-known worked table: ten items, fourteen raters, five labels; kappa .210."""


def labels(counts: list[int]) -> list[int]:
    return [label for label, count in enumerate(counts) for _ in range(count)]


@pytest.mark.parametrize(
    ("items", "kappa"),
    [
        pytest.param([labels(row) for row in FLEISS], 0.2099, id="a-worked-table"),
        pytest.param(["aaa", "bbb"], 1.0, id="agreed"),
        # Agreed: (1 + 1/3) / 2; shares of a: (1 + 1/3) / 2, so chance is 4/9 + 1/9.
        pytest.param(["aaa", "abb"], (2 / 3 - 5 / 9) / (4 / 9), id="by-hand"),
        # The lone label tells of chance alone: shares of a 2/3, of b 1/3.
        pytest.param(["aa", "ab", "a"], (1 / 2 - (25 + 1) / 36) / (10 / 36), id="unlike-numbers"),
        pytest.param(["aaa", "aaa"], None, id="one-label"),
        pytest.param(["a", "b"], None, id="said-once"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_fleiss_kappa(items: list[list[str]], kappa: float | None) -> None:
    found = fleiss_kappa([list(item) for item in items])
    assert found == (kappa if kappa is None else pytest.approx(kappa, abs=5e-5))


def test_with_two_labels_each_it_is_scotts_pi() -> None:
    one, other = np.random.default_rng(3).integers(2, size=(2, 60)).tolist()
    both = [*one, *other]
    chance = sum((both.count(label) / 120) ** 2 for label in (0, 1))
    agreed = sum(a == b for a, b in zip(one, other, strict=True)) / 60
    pi = (agreed - chance) / (1 - chance)
    assert fleiss_kappa(list(zip(one, other, strict=True))) == pytest.approx(pi)


def test_the_interval_of_cohens_kappa_is_about_that_of_theory() -> None:
    # Of independent pairs Cohen's (1960) standard error is about right: √(.7 · .3 / 200) / .5.
    table = {("yes", "yes"): 80, ("yes", "no"): 20, ("no", "yes"): 40, ("no", "no"): 60}
    items = [[pair] for pair, count in table.items() for _ in range(count)]
    found = cohen_interval(items, rng=np.random.default_rng(0))
    assert found is not None
    assert found.low == pytest.approx(0.4 - 1.96 * 0.0648, abs=0.015)
    assert found.high == pytest.approx(0.4 + 1.96 * 0.0648, abs=0.015)


def test_repeats_of_an_item_are_no_further_items() -> None:
    rng = np.random.default_rng(1)
    once = [[pair] for pair in rng.integers(2, size=(40, 2)).tolist()]
    thrice = [item * 3 for item in once]
    one = cohen_interval(once, rng=np.random.default_rng(0))
    assert one == cohen_interval(thrice, rng=np.random.default_rng(0))


@pytest.mark.parametrize("found", [cohen_interval, fleiss_interval])
def test_without_disagreement_there_is_no_interval(found) -> None:
    items = [[("a", "a")]] * 4 if found is cohen_interval else [["a", "a"], ["b", "b"]]
    assert found(items, rng=np.random.default_rng(0)) is None


def test_the_interval_of_fleiss_kappa_holds_it() -> None:
    items = [labels(row) for row in FLEISS]
    found = fleiss_interval(items, rng=np.random.default_rng(0))
    assert found is not None
    assert found.low < 0.2099 < found.high
    assert list(itertools.chain(found)) == sorted(found)
