"""How far people, or models, agree beyond chance: with each other, with themselves, with the truth.

0 is what chance would give with the shares of labels that were given, 1 full agreement. Where all
gave one and the same label chance alone would do that, too, and there is no kappa.

Intervals draw items with replacement, all that was said of an item together (Efron 1979): several
labels of one item by one person are not independent, which the usual standard errors take them to
be. Where nobody disagreed on any item the draws say nothing, and there is no interval.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt

from reinspect.metrics.intervals import Interval

Floats = npt.NDArray[np.float64]
Pairs = Sequence[tuple[Hashable, Hashable]]

_BLOCK = 1_000_000


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two people's labels of the same n items, at most 1 (Cohen 1960).

    None without items, and where both gave all items one and the same label.

    Raises:
        ValueError: lengths differ.
    """
    if len(first) != len(second):
        raise ValueError(f"lengths differ: first {len(first)}, second {len(second)}")
    if not first:
        return None
    return _known(_cohen(_crossed([list(zip(first, second, strict=True))])))


def cohen_interval(
    items: Sequence[Pairs], *, rng: np.random.Generator, rounds: int = 2000, level: float = 0.95
) -> Interval | None:
    """Interval of the Cohen's kappa of all pairs of labels; items are drawn.

    Args:
        items: of each item the pairs, one a trial.
        rng: where the draws come from.
        rounds: how many draws.
        level: the share of draws inside the interval.
    """
    if all(one == other for pairs in items for one, other in pairs):
        return None
    return _interval(_crossed(items), _cohen, rng, rounds, level)


def fleiss_kappa(items: Sequence[Sequence[Hashable]]) -> float | None:
    """Fleiss' kappa of items that several have labelled, or one several times (Fleiss 1971).

    Items may have unlike numbers of labels: each counts once in what agrees, and its shares of
    labels once in what chance gives; an item with fewer than two labels in chance alone (as in
    Gwet, Handbook of Inter-Rater Reliability, 2014). None where no item has two.

    Args:
        items: of each the labels, in any order.
    """
    return _known(_fleiss(_shared(items).sum(axis=0, keepdims=True)))


def fleiss_interval(
    items: Sequence[Sequence[Hashable]],
    *,
    rng: np.random.Generator,
    rounds: int = 2000,
    level: float = 0.95,
) -> Interval | None:
    """Interval of the Fleiss' kappa; items are drawn.

    Args:
        items: of each the labels.
        rng: where the draws come from.
        rounds: how many draws.
        level: the share of draws inside the interval.
    """
    if all(len(set(labels)) < 2 for labels in items):
        return None
    return _interval(_shared(items), _fleiss, rng, rounds, level)


def _crossed(items: Sequence[Pairs]) -> Floats:
    """Of each item its pairs, counted: shape (n, labels²)."""
    every = sorted({label for pairs in items for pair in pairs for label in pair}, key=repr)
    place = {label: number for number, label in enumerate(every)}
    counts = np.zeros((len(items), len(every) ** 2))
    for row, pairs in enumerate(items):
        for one, other in pairs:
            counts[row, place[one] * len(every) + place[other]] += 1
    return counts


def _cohen(sums: Floats) -> Floats:
    """Kappas of tables, shape (k, labels²); NaN where there is none."""
    side = round(sums.shape[1] ** 0.5)
    tables = sums.reshape(-1, side, side)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = tables / tables.sum(axis=(1, 2), keepdims=True)
        agreed = np.trace(shares, axis1=1, axis2=2)
        chance = (shares.sum(axis=1) * shares.sum(axis=2)).sum(axis=1)
        return _beyond(agreed, chance)


def _shared(items: Sequence[Sequence[Hashable]]) -> Floats:
    """Of each item: what agrees, whether it counts there, whether it has labels, their shares."""
    every = sorted({label for labels in items for label in labels}, key=repr)
    sums = np.zeros((len(items), 3 + len(every)))
    for row, labels in enumerate(items):
        n = len(labels)
        if not n:
            continue
        counts = np.array([labels.count(label) for label in every], dtype=np.float64)
        pairs = n * (n - 1)
        alike = (counts * (counts - 1)).sum() / pairs if pairs else 0.0
        sums[row] = [alike, n > 1, 1, *(counts / n)]
    return sums


def _fleiss(sums: Floats) -> Floats:
    """Kappas of sums over items, shape (k, 3 + labels); NaN where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        agreed = sums[:, 0] / sums[:, 1]
        chance = ((sums[:, 3:] / sums[:, 2:3]) ** 2).sum(axis=1)
        return _beyond(agreed, chance)


def _beyond(agreed: Floats, chance: Floats) -> Floats:
    only_one = np.isclose(chance, 1.0, rtol=0, atol=1e-12)
    return np.where(only_one, np.nan, (agreed - chance) / (1 - chance))


def _known(kappas: Floats) -> float | None:
    """The one kappa of all items, unless there is none."""
    value = float(kappas[0]) if len(kappas) else float("nan")
    return None if np.isnan(value) else value


def _interval(
    counts: Floats,
    kappas: Callable[[Floats], Floats],
    rng: np.random.Generator,
    rounds: int,
    level: float,
) -> Interval | None:
    if rounds < 1:
        raise ValueError(f"rounds {rounds!r} is less than 1")
    if not 0 < level < 1:
        raise ValueError(f"level {level!r} is outside (0, 1)")
    n = len(counts)
    if not n:
        return None
    block = max(1, _BLOCK // n)
    found = [
        kappas(rng.multinomial(n, np.full(n, 1 / n), size=min(block, rounds - start)) @ counts)
        for start in range(0, rounds, block)
    ]
    drawn = np.concatenate(found)
    known = drawn[~np.isnan(drawn)]
    if 2 * len(known) < rounds:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
