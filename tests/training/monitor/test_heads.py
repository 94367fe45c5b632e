import numpy as np
import pytest

from reinspect.policies.case import Case
from reinspect.training.monitor.heads import CaseArrays, fit_head, prior_head
from reinspect.training.splits import Split, folds
from support.made_judgements import judgement, judgements


def test_many_distinct_looks_keep_few_knots() -> None:
    made = judgements(200)
    head = fit_head(CaseArrays.of(made, 2), folds(made, Split.RANDOM, seed=0)).head
    for look in head.looks:
        assert len(look.values) <= 33
        assert look.ranks[0] < -0.9
        assert look.ranks[-1] > 0.9


def test_nothing_fitted_is_the_blend_in_log_odds() -> None:
    assert prior_head(2).score([0.2, 0.8], {}).probability == pytest.approx(0.5)
    assert prior_head(1).score([0.3], {}).reliability == pytest.approx(0.7)


def lines(seed: int, *, named: bool) -> list[Case]:
    """Four lines that differ in their share of defective parts and, by chance, in their shade."""
    rng = np.random.default_rng(seed)
    shares, shades = rng.permutation([0.2, 0.4, 0.6, 0.8]), rng.normal(size=4)
    return [
        judgement(
            f"{line} {i:02d}",
            0.3 if i % 2 else 0.7,
            truth=bool(rng.random() < share),
            group=line if named else None,
            shade=float(shade),
        )
        for line, share, shade in zip("abcd", shares, shades, strict=True)
        for i in range(25)
    ]


def test_what_tells_groups_apart_is_not_taken_for_what_tells_parts_apart() -> None:
    weights = {True: 0.0, False: 0.0}
    for seed in range(6):
        for named in weights:
            made = lines(seed, named=named)
            kept = folds(made, Split.GROUP if named else Split.RANDOM, seed=0)
            weights[named] += abs(
                fit_head(CaseArrays.of(made, 1), kept).head.signals["shade"].weight
            )
    assert weights[True] < weights[False] / 2


@pytest.mark.parametrize(
    ("groups", "columns"),
    [
        pytest.param(("a", "b", "c"), 3, id="three"),
        pytest.param(("a",), 0, id="one is all there is"),
        pytest.param((), 0, id="none"),
    ],
)
def test_groups_have_intercepts_of_their_own(groups: tuple[str, ...], columns: int) -> None:
    made = judgements(12, groups=groups)
    assert CaseArrays.of(made, 2).members.shape == (12, columns)
