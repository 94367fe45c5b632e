"""Other thresholds on a run that is on record."""

import numpy as np
import pytest

from reinspect.graph.recipe import Recipe, dump_recipe, parse_recipe
from reinspect.store.statistics import KnownVerdict
from reinspect.ui.whatif import (
    Cuts,
    Judgements,
    ShareOf,
    WhatIf,
    recipe_differences,
    recipe_with,
)

THRESHOLDS = "policies: {disposition: {kind: thresholds, reliability: 0.6}}"


def _row(
    p: float | None, reliability: float | None, outcome: str, truth: str | None = None
) -> KnownVerdict:
    return KnownVerdict(1, None, p, p, reliability, outcome, 0, truth, False, False)


RUN = Judgements.of(
    [
        _row(0.1, 0.9, "PASS", "normal"),
        _row(0.3, 0.7, "PASS", "anomalous"),
        _row(0.6, 0.65, "FAIL", "normal"),
        _row(0.95, 0.9, "FAIL", "anomalous"),
        _row(0.55, 0.5, "REVIEW"),  # of low reliability
        _row(0.9, 0.9, "REVIEW", "anomalous"),  # stopped for another reason
        _row(None, None, "REVIEW"),
    ]
)
WAS = Cuts(reliability=0.6)


@pytest.mark.parametrize(
    ("now", "counts", "escapes", "overkill"),
    [
        pytest.param(WAS, (2, 2, 3), (1, 3), (1, 2), id="as-it-was"),
        pytest.param(Cuts(0.0), (2, 3, 2), (1, 3), (1, 2), id="none-for-reliability"),
        pytest.param(Cuts(0.6, 0.2), (1, 2, 4), (0, 3), (1, 2), id="stricter-pass"),
        pytest.param(Cuts(0.6, 0.5, 0.9), (2, 1, 4), (1, 3), (0, 2), id="stricter-fail"),
        pytest.param(Cuts(1.0), (0, 0, 7), (0, 3), (0, 2), id="all-for-review"),
    ],
)
def test_a_run_by_other_thresholds(
    now: Cuts, counts: tuple[int, ...], escapes: tuple[int, int], overkill: tuple[int, int]
) -> None:
    found = WhatIf.of(RUN, WAS, now)
    assert (found.passed, found.failed, found.review) == counts
    assert (found.escapes, found.overkill) == (ShareOf(*escapes), ShareOf(*overkill))


def test_expected_escapes_are_the_probabilities_of_what_passes() -> None:
    assert WhatIf.of(RUN, WAS, WAS).expected == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("recipe", "cuts"),
    [
        pytest.param("{}", Cuts(), id="default"),
        pytest.param(THRESHOLDS, Cuts(0.6), id="named"),
        pytest.param("policies: {disposition: thresholds}", Cuts(), id="by-name"),
        pytest.param("policies: {disposition: {kind: targets}}", None, id="targets"),
        pytest.param("monitor: {kind: fitted}", None, id="the-monitor-s"),
    ],
)
def test_the_thresholds_of_a_recipe(recipe: str, cuts: Cuts | None) -> None:
    assert Cuts.of_recipe(recipe) == cuts
    assert Cuts.of_recipe(dump_recipe(parse_recipe(recipe))) == cuts


def test_chosen_thresholds_become_a_recipe_that_has_them() -> None:
    text = recipe_with(dump_recipe(Recipe()), Cuts(0.7, 0.4, 0.9))
    assert Cuts.of_recipe(text) == Cuts(0.7, 0.4, 0.9)
    assert recipe_differences(dump_recipe(Recipe()), text) == [
        ("policies.disposition", "None", "–"),
        ("policies.disposition.kind", "–", "thresholds"),
        ("policies.disposition.reliability", "–", "0.7"),
        ("policies.disposition.pass_below", "–", "0.4"),
        ("policies.disposition.fail_from", "–", "0.9"),
    ]


def test_a_run_without_images_has_no_counts() -> None:
    nothing = Judgements.of([])
    assert WhatIf.of(nothing, WAS, WAS)[:3] == (0, 0, 0)
    assert nothing.truth.dtype == np.int8
