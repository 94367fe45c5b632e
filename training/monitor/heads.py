"""Fit one head: small, regularised, monotone in the looks.

Maximum a posteriori logistic regression under bounds. Priors are normal: looks around their blend
(the mean of their logits), everything else around 0. With few parts the result is the blend; it
moves as far as they warrant.

Groups differ: of one product more parts are defective, or its scores run higher. Each group of the
fit therefore has an intercept of its own (a random effect), so that signals are weighed by what
they say within a group; none is kept, because the next product's isn't known.

How far signals may move the probability, and how far groups lie apart, are learned: the spreads of
their priors are averaged over a few candidates, weighted by how well each predicts what was left
out (pseudo-BMA+ of Yao, Vehtari, Simpson and Gelman 2018, section 3.4, its Bayesian bootstrap drawn
over the folds: parts of one group err together).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from reinspect.policies.case import Case
from reinspect.policies.heads import (
    EDGE,
    REACH,
    Floats,
    Head,
    LookWeights,
    SignalWeights,
    Trust,
    sureness,
)
from reinspect.training.monitor.newton import Bools, logistic, map_weights

Indices = npt.NDArray[np.intp]

SPREADS = (0.03, 0.1, 0.3, 1.0)
"""Candidate prior standard deviations of signal weights, in logits per standard deviation."""

GROUP_SPREADS = (0.1, 0.3, 1.0)
"""Candidate prior standard deviations of the groups' intercepts, in logits."""

_INTERCEPT, _WEIGHT, _STANDING = 0.5, 0.3, 1.0  # prior standard deviations
_DRAWS = 1000  # of the Bayesian bootstrap
_TRUST_INTERCEPT, _TRUST_CONFIDENCE, _TRUST_LABEL, _TRUST_SIGNAL = 0.5, 0.25, 0.3, 0.1
_KNOTS = 33
_LEAST_PRESENT = 0.2  # a signal that fewer parts have is left aside
_DIGITS = 6


@dataclass(frozen=True)
class CaseArrays:
    """Judgements as arrays.

    Looks (n, k), signals (n, m) with NaN where missing, truth (n,), and the number of each part's
    group (n,), −1 where it has none.
    """

    looks: Floats
    signals: Floats
    truth: Bools
    groups: Indices
    names: tuple[str, ...]

    @classmethod
    def of(cls, cases: Sequence[Case], looks: int, prefix: str = "") -> Self:
        """Arrays of parts with known truth, of the signals whose name starts with `prefix`."""
        names = sorted({n for case in cases for n in case.signals if n.startswith(prefix)})
        signals = [[case.signals.get(name, np.nan) for name in names] for case in cases]
        rows = [
            [case.first, case.first if case.second is None else case.second][:looks]
            for case in cases
        ]
        groups = sorted({case.group for case in cases if case.group is not None})
        place = {None: -1} | {group: i for i, group in enumerate(groups)}
        return cls(
            looks=np.array(rows, dtype=np.float64).reshape(len(cases), looks),
            signals=np.array(signals, dtype=np.float64).reshape(len(cases), len(names)),
            truth=np.array([case.truth is True for case in cases], dtype=bool),
            groups=np.array([place[case.group] for case in cases], dtype=np.intp),
            names=tuple(names),
        )

    def rows(self, indices: Indices) -> "CaseArrays":
        """Some of the parts."""
        return CaseArrays(
            self.looks[indices],
            self.signals[indices],
            self.truth[indices],
            self.groups[indices],
            self.names,
        )

    @property
    def members(self) -> Bools:
        """Which part is of which group, shape (n, g); no column where there is one group alone."""
        named = np.unique(self.groups[self.groups >= 0])
        if len(named) < 2 and (self.groups >= 0).all():
            named = named[:0]
        belongs: Bools = self.groups[:, None] == named
        return belongs


@dataclass(frozen=True)
class Spread:
    """Prior standard deviations: of signals' weights, and of groups' intercepts; in logits."""

    signals: float
    groups: float


@dataclass(frozen=True)
class FittedHead:
    """A head, and the probability of each part by heads fitted without it, shape (n,)."""

    head: Head
    left_out: Floats
    spread: "Spread"


def fit_head(table: CaseArrays, folds: Sequence[Indices]) -> FittedHead:
    """Fit a head on all rows; `folds` choose the spreads and keep its trust honest.

    Every fold's complement must hold both classes.
    """
    design = _Design.learn(table)
    kept = [_Fold.of(table, fold) for fold in folds]
    spread = _choose_spread(table, kept)
    left_out = _predict_left_out(kept, spread)
    weights = _fit_weights(design.columns(table), table.members, table.truth, spread)
    head = design.head(weights, _fit_trust(design, table, left_out))
    return FittedHead(head, left_out, spread)


def prior_head(looks: int) -> Head:
    """The prior itself: the blend of the looks."""
    weights = LookWeights(weight=1 / looks, standing=0.0, values=(0.5,), ranks=(0.0,))
    return Head(intercept=0.0, looks=(weights,) * looks)


@dataclass(frozen=True)
class _Design:
    """What turns looks and signals into columns; learned on the rows of the fit alone."""

    ranks: tuple[tuple[Floats, Floats], ...]
    signals: dict[str, SignalWeights]
    places: tuple[int, ...]

    @classmethod
    def learn(cls, table: CaseArrays) -> Self:
        ranks = tuple(_ranks(column) for column in table.looks.T)
        signals, places = {}, []
        for place, name in enumerate(table.names):
            column = table.signals[:, place]
            known = column[~np.isnan(column)]
            if len(known) < max(1, _LEAST_PRESENT * len(column)):
                continue
            places.append(place)
            spread = float(known.std())
            signals[name] = SignalWeights(
                mean=_rounded(known.mean()),
                # What is left of rounding in a constant column is no spread.
                spread=_rounded(spread) if spread > 1e-9 * np.abs(known).max() else 0.0,
                low=float(known.min()),
                high=float(known.max()),
                missing=_rounded(1 - len(known) / len(column)),
                weight=0.0,
                trust=0.0,
            )
        return cls(ranks, signals, tuple(places))

    def columns(self, table: CaseArrays) -> tuple[Floats, Floats]:
        """Look columns (n, 2k): logits, then ranks; signal columns (n, m)."""
        kept = np.clip(table.looks, EDGE, 1 - EDGE)
        logits = np.log(kept / (1 - kept))
        ranks = [
            np.interp(column, *knots)
            for column, knots in zip(table.looks.T, self.ranks, strict=True)
        ]
        signals = [
            _standardised(table.signals[:, place], seen)
            for place, seen in zip(self.places, self.signals.values(), strict=True)
        ]
        shape = (len(table.truth), len(signals))
        return np.column_stack([logits, *ranks]), np.array(signals).T.reshape(shape)

    def head(self, weights: Floats, trust: Floats) -> Head:
        """Weights (2k + m + 1) and trust (2 + m + 1), intercepts last, as a head."""
        k = len(self.ranks)
        looks = tuple(
            LookWeights(
                weight=_rounded(weights[i]),
                standing=_rounded(weights[k + i]),
                values=tuple(values.tolist()),
                ranks=tuple(_rounded(rank) for rank in ranks),
            )
            for i, (values, ranks) in enumerate(self.ranks)
        )
        signals = {
            name: seen.model_copy(
                update={
                    "weight": _rounded(weights[2 * k + i]),
                    "trust": _rounded(trust[2 + i]),
                }
            )
            for i, (name, seen) in enumerate(self.signals.items())
        }
        return Head(
            intercept=_rounded(weights[-1]),
            looks=looks,
            signals=signals,
            trust=Trust(
                intercept=_rounded(trust[-1]),
                confidence=_rounded(trust[0]),
                label=_rounded(trust[1]),
            ),
        )


def _ranks(column: Floats) -> tuple[Floats, Floats]:
    """Distinct values and their mid-ranks, [−1, 1]; of very many values, some."""
    values, counts = np.unique(column, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    if len(values) > _KNOTS:
        wanted = np.linspace(0, len(column), _KNOTS)
        kept = np.unique(np.abs(middle[:, None] - wanted).argmin(axis=0))
        values, middle = values[kept], middle[kept]
    return values, 2 * middle / len(column) - 1


def _standardised(column: Floats, seen: SignalWeights) -> Floats:
    """As `SignalWeights.standardised`, for a whole column; missing values become 0."""
    if not seen.spread:
        return np.zeros(len(column))
    z = (np.clip(column, seen.low, seen.high) - seen.mean) / seen.spread
    return np.nan_to_num(np.clip(z, -REACH, REACH))


def _fit_weights(
    columns: tuple[Floats, Floats], members: Bools, truth: Bools, spread: Spread
) -> Floats:
    """Of looks (2k), signals (m) and the intercept, last; groups' own intercepts are let go."""
    looks, signals = columns
    k, m, g = looks.shape[1] // 2, signals.shape[1], members.shape[1]
    prior = np.concatenate([np.full(k, 1 / k), np.zeros(k + m + g + 1)])
    spreads = np.repeat(
        [_WEIGHT, _STANDING, spread.signals, spread.groups, _INTERCEPT], [k, k, m, g, 1]
    )
    rising = np.arange(len(prior)) < 2 * k
    weights = map_weights(np.hstack([looks, signals, members]), truth, prior, spreads, rising)
    return np.concatenate([weights[: 2 * k + m], weights[-1:]])


def _fit_trust(design: _Design, table: CaseArrays, left_out: Floats) -> Floats:
    """Fitted on left-out probabilities: on its own parts any fit looks better than it is."""
    _, signals = design.columns(table)
    m = signals.shape[1]
    right = (left_out >= 0.5) == table.truth
    prior = np.concatenate([[1.0], np.zeros(m + 2)])
    spreads = np.concatenate(
        [[_TRUST_CONFIDENCE, _TRUST_LABEL], np.full(m, _TRUST_SIGNAL), [_TRUST_INTERCEPT]]
    )
    sure = [sureness(p) for p in left_out]
    side = np.where(left_out >= 0.5, 0.5, -0.5)
    rising = np.arange(len(prior)) < 1
    return map_weights(np.column_stack([sure, side, signals]), right, prior, spreads, rising)


@dataclass(frozen=True)
class _Fold:
    """One part left out, and all that is needed to fit without it, as columns."""

    place: Indices
    columns: tuple[Floats, Floats]
    rest: tuple[Floats, Floats]
    members: Bools
    truth: Bools

    @classmethod
    def of(cls, table: CaseArrays, place: Indices) -> Self:
        rest = table.rows(np.setdiff1d(np.arange(len(table.truth)), place))
        design = _Design.learn(rest)
        return cls(
            place,
            design.columns(table.rows(place)),
            design.columns(rest),
            rest.members,
            rest.truth,
        )


def _choose_spread(table: CaseArrays, folds: Sequence[_Fold]) -> Spread:
    """Geometric means of the candidates, by their weights."""
    groups = GROUP_SPREADS if table.members.size else GROUP_SPREADS[:1]
    candidates = list(itertools.product(SPREADS, groups))
    losses = np.empty((len(candidates), len(folds)))
    for row, (signals, apart) in zip(losses, candidates, strict=True):
        p = np.clip(_predict_left_out(folds, Spread(signals, apart)), 1e-9, 1 - 1e-9)
        surprise = -np.log(np.where(table.truth, p, 1 - p))
        row[:] = [surprise[fold.place].sum() for fold in folds]
    mean = _stack(losses) @ np.log(candidates)
    return Spread(*np.exp(mean).tolist())


def _stack(losses: Floats) -> Floats:
    """The weight of each candidate, (c,), by its losses on each fold, (c, f): pseudo-BMA+."""
    # A generator of its own: the same losses give the same weights, whatever was drawn before.
    count = losses.shape[1]
    shares = np.random.default_rng(0).dirichlet(np.ones(count), _DRAWS) * count
    total = shares @ losses.T
    weights = np.exp(total.min(axis=1, keepdims=True) - total)
    mean: Floats = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
    return mean


def _predict_left_out(folds: Sequence[_Fold], spread: Spread) -> Floats:
    left_out = np.empty(sum(len(fold.place) for fold in folds))
    for fold in folds:
        weights = _fit_weights(fold.rest, fold.members, fold.truth, spread)
        left_out[fold.place] = logistic(np.hstack(fold.columns) @ weights[:-1] + weights[-1])
    return left_out


def _rounded(value: float) -> float:
    """Six significant digits: what a saved head keeps."""
    return float(f"{value:.{_DIGITS}g}")
