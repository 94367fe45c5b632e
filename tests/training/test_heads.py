import numpy as np
import pytest
from scipy.optimize import minimize

from made_judgements import judgements
from reinspect.training.heads import Table, _map, fit_head, unfitted
from reinspect.training.splits import Split, folds


@pytest.mark.parametrize("seed", range(5))
def test_the_weights_are_the_best_within_their_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(80, 4))
    truth = columns @ [1.0, -1.0, 0.5, 0.0] + rng.normal(size=80) > 0
    prior, spread = np.array([0.5, 0.5, 0, 0, 0]), np.array([0.5, 0.5, 1, 0.1, 1.0])
    rising = np.array([True, True, False, False, False])

    def loss(weights: np.ndarray) -> float:
        z = columns @ weights[:-1] + weights[-1]
        own = (((weights - prior) / spread) ** 2).sum() / 2
        return float(np.logaddexp(0, z).sum() - z[truth].sum() + own)

    bounds = [(0 if bound else None, None) for bound in rising]
    best = minimize(loss, prior, method="L-BFGS-B", bounds=bounds)
    found = _map(columns, truth, prior, spread, rising)
    assert loss(found) <= best.fun + 1e-9
    assert found == pytest.approx(best.x, abs=1e-3)
    assert found[1] == 0.0


def test_many_distinct_looks_keep_few_knots() -> None:
    made = judgements(200)
    head = fit_head(Table.of(made, 2), folds(made, Split.RANDOM, seed=0)).head
    for look in head.looks:
        assert len(look.values) <= 33
        assert look.ranks[0] < -0.9
        assert look.ranks[-1] > 0.9


def test_nothing_fitted_is_the_blend_in_log_odds() -> None:
    assert unfitted(2).score([0.2, 0.8], {}).probability == pytest.approx(0.5)
    assert unfitted(1).score([0.3], {}).reliability == pytest.approx(0.7)
