"""How far a reading may be from what the references show, with a prior for few of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WORTH = 4  # references that a prior spread is worth
_ALONE = 3.0  # times the prior spread is believed where one reference shows none
_TAIL = 4.0  # the fewer references, the less a spread is known: 1 + this / degrees of freedom


def spread(values: NDArray[np.floating], prior: float) -> float:
    """Standard deviation of the next value after these: of the sample's mean and its own as well.

    Args:
        values: (k,) one a reference, each left out of what it is compared with; maybe none.
        prior: what the spread is believed to be before any reference is seen.
    """
    count = len(values)
    if count == 0:
        return _ALONE * prior
    own = float(((values - values.mean()) ** 2).sum())
    freedom = count - 1 + _WORTH
    deviation = np.sqrt((own + _WORTH * prior**2) / freedom * (1 + 1 / count))
    return float(deviation * (1 + _TAIL / freedom))
