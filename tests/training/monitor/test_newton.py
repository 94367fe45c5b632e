import numpy as np
import pytest
from scipy.optimize import minimize

from reinspect.training.monitor.newton import map_weights


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
    found = map_weights(columns, truth, prior, spread, rising)
    assert loss(found) <= best.fun + 1e-9
    assert found == pytest.approx(best.x, abs=1e-3)
    assert found[1] == 0.0
