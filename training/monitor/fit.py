"""Fit a monitor from cases: a head for each stage, the decision to look again, dispositions.

Everything is deterministic under a seed and independent of the order of the cases.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from reinspect.errors import ReinspectError
from reinspect.policies.case import FIRST, Case, Occasion
from reinspect.policies.fitted import FittedMonitor, FittedOn, SecondLookGain
from reinspect.policies.heads import Floats
from reinspect.training.monitor.heads import CaseArrays, FittedHead, Indices, fit_head, prior_head
from reinspect.training.monitor.newton import Bools
from reinspect.training.monitor.targets import Goals, calibrate
from reinspect.training.splits import Split, digest, folds, halves, ordered

LEAST_ITEMS, LEAST_OF_CLASS = 12, 4
"""Fewer cases, or fewer of one class, are refused: nothing could be checked on the rest."""

SHARE = 0.3
"""Of parts that are looked at twice, unless told otherwise."""

_GAIN = (0.0, 0.05, 0.0)  # what is believed of gains beforehand: doubtful parts have some …
_RIDGE = 20.0  # … and how many parts' worth of belief that is
_FEWEST_GROUPS = 3


class FitError(ReinspectError, ValueError):
    """Cases that no monitor can be fitted on."""


def fit_monitor(
    cases: Sequence[Case],
    *,
    seed: int = 0,
    goals: Goals | None = None,
    share: float = SHARE,
    sources: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> FittedMonitor:
    """Fit a monitor on the cases whose truth is known.

    With goals, heads are fitted on one half and thresholds calibrated on the other.

    Args:
        cases: of unique ids, in any order.
        seed: of the splits.
        goals: targets that PASS and FAIL have to keep.
        share: of parts that are to be looked at twice, (0, 1]: those with the highest expected
            gain, as long as it is above 0.
        sources: name → SHA-256 of the files or runs they are from; kept on record.
        notes: on what was left out of them; kept on record, too.

    Raises:
        FitError: too few cases, one class only, or no look that varies.
    """
    known = ordered([case for case in cases if case.truth is not None])
    _refuse_duplicates(known)
    if not 0 < share <= 1:
        raise FitError(f"share {share!r} of second looks is outside (0, 1]")
    goals = goals or Goals()
    if goals.any and goals.escape is None and not any(case.truth for case in known):
        return _with_notes(_calibrate_on_good(known, goals, seed, sources or {}), notes)
    fitted, calibration, split = known, [], None
    if goals.any:
        ours, theirs, split = halves(known, seed=seed)
        fitted, calibration = [known[i] for i in ours], [known[i] for i in theirs]
    monitor = _fit(fitted, seed, share, sources or {})
    if split is not None:
        monitor = _with_thresholds(monitor, calibration, goals, split)
    return _with_notes(monitor, notes)


def _with_notes(monitor: FittedMonitor, notes: Sequence[str]) -> FittedMonitor:
    training = monitor.training
    kept = training.model_copy(update={"notes": (*notes, *training.notes)})
    return monitor.model_copy(update={"training": kept})


def _with_thresholds(
    monitor: FittedMonitor, calibration: Sequence[Case], goals: Goals, split: Split
) -> FittedMonitor:
    probability = np.array([monitor.score(case).probability for case in calibration])
    truth = np.array([case.truth is True for case in calibration], dtype=bool)
    names = tuple(sorted(digest(case) for case in calibration))
    return monitor.model_copy(
        update={
            "dispositions": calibrate(probability, truth, goals, split=split.value),
            "training": monitor.training.model_copy(update={"calibrated": names}),
        }
    )


def _fit(
    known: Sequence[Case], seed: int, share: float, sources: Mapping[str, str]
) -> FittedMonitor:
    _refuse_poor(known)
    notes: list[str] = []
    kept, name = _inner_folds(known, seed)
    first = fit_head(CaseArrays.of(known, 1, FIRST), kept)
    twice = np.array(
        [case.second is not None and case.occasion is not Occasion.ASKED for case in known]
    )
    second = _fit_second(known, twice, seed)
    spreads = {"first": first.spread} | ({"second": second.spread} if second else {})
    if second is None and twice.any():
        notes.append(f"{int(twice.sum())} second looks are too few to fit on: first head alone")
    elif second is None and any(case.second is not None for case in known):
        notes.append(
            "second looks were taken where a policy asked for them, which says nothing of other "
            "parts: first head alone (`run --explore` looks twice at all)"
        )
    return FittedMonitor(
        first=first.head,
        second=second.head if second else None,
        again=_fit_gain(known, first, second, twice, share) if second else None,
        training=_fitted_on(known, seed, sources).model_copy(
            update={
                "looked_twice": int(twice.sum()) if second else 0,
                "inner_split": name,
                "signal_spread": {k: float(f"{v.signals:.4g}") for k, v in spreads.items()},
                "group_spread": {k: float(f"{v.groups:.4g}") for k, v in spreads.items()},
                "notes": tuple(notes),
            }
        ),
    )


def _fit_second(known: Sequence[Case], twice: Bools, seed: int) -> FittedHead | None:
    chosen = [case for case, mine in zip(known, twice, strict=True) if mine]
    if _too_poor(chosen):
        return None
    kept, _ = _inner_folds(chosen, seed)
    return fit_head(CaseArrays.of(chosen, 2), kept)


def _inner_folds(known: Sequence[Case], seed: int) -> tuple[list[Indices], str]:
    """Folds inside the fit: by group where there are enough, so that what transfers is chosen."""
    by_group = folds(known, Split.GROUP, seed=seed)
    truth = np.array([case.truth is True for case in known])
    named = {case.group for case in known if case.group is not None}
    if min(len(named), len(by_group)) >= _FEWEST_GROUPS and _usable(by_group, truth):
        return by_group, "one group left out at a time"
    return folds(known, Split.RANDOM, seed=seed, count=min(5, int(truth.sum()))), "random"


def _usable(kept: Sequence[Indices], truth: Bools) -> bool:
    """Whether every fold leaves some of both classes to fit on."""
    left = [np.delete(truth, fold) for fold in kept]
    return all(min(rest.sum(), (~rest).sum()) >= LEAST_OF_CLASS // 2 for rest in left)


def _fit_gain(
    known: Sequence[Case],
    first: FittedHead,
    second: FittedHead,
    twice: Bools,
    share: float,
) -> SecondLookGain:
    """Ridge regression of what a second look gained, on parts that were left out.

    Gain is the fall of the Brier score, (p₁ − truth)² − (p₂ − truth)², which counts a better
    calibrated doubt as well as a corrected label.
    """
    before, after = first.left_out[twice], second.left_out
    truth = np.array([case.truth is True for case in known], dtype=np.float64)[twice]
    gained = (before - truth) ** 2 - (after - truth) ** 2
    columns = _gain_columns(before)
    gram = columns.T @ columns + _RIDGE * np.eye(columns.shape[1])
    solved = np.linalg.solve(gram, columns.T @ gained + _RIDGE * np.array(_GAIN))
    weights = [float(f"{w:.6g}") for w in solved]
    taken = [case.seconds for case, mine in zip(known, twice, strict=True) if mine and case.seconds]
    cost, unit = (float(np.mean(taken)), "second") if taken else (1.0, "look")
    expected = _gain_columns(before) @ weights / cost
    least = _least(expected, share)
    return SecondLookGain(
        intercept=weights[0],
        doubt=weights[1],
        label=weights[2],
        cost=cost,
        unit="second" if unit == "second" else "look",
        least=least,
        share=float((expected >= least).mean()),
    )


def _gain_columns(p: Floats) -> Floats:
    return np.column_stack([np.ones(len(p)), 4 * p * (1 - p), np.where(p >= 0.5, 0.5, -0.5)])


def _least(expected: Floats, share: float) -> float:
    """The least gain, not below 0, that a share of parts nearest to `share` has."""
    candidates = np.unique(expected)
    shares = np.array([(expected >= least).mean() for least in candidates])
    return max(float(candidates[np.abs(shares - share).argmin()]), 0.0)


def _calibrate_on_good(
    known: Sequence[Case], goals: Goals, seed: int, sources: Mapping[str, str]
) -> FittedMonitor:
    """Without a defective part nothing is fitted: the blend of the looks, and a FAIL threshold."""
    if len(known) < LEAST_ITEMS:
        raise FitError(f"{len(known)} judgements with truth: at least {LEAST_ITEMS} are needed")
    note = "good parts alone: heads are the blend of the looks, nothing was fitted"
    names = tuple(sorted(digest(case) for case in known))
    training = _fitted_on(known, seed, sources).model_copy(
        update={"notes": (note,), "fitted": (), "calibrated": names}
    )
    monitor = FittedMonitor(first=prior_head(1), second=prior_head(2), training=training)
    probability = np.array([monitor.score(case).probability for case in known])
    settle = calibrate(probability, np.zeros(len(known), dtype=bool), goals, split="all")
    return monitor.model_copy(update={"dispositions": settle})


def _fitted_on(known: Sequence[Case], seed: int, sources: Mapping[str, str]) -> FittedOn:
    groups = Counter(case.group for case in known if case.group is not None)
    truths = Counter(case.truth_source for case in known if case.truth_source is not None)
    return FittedOn(
        items=len(known),
        anomalous=sum(case.truth is True for case in known),
        looked_twice=0,
        groups=dict(sorted(groups.items())),
        truth_sources=dict(sorted(truths.items())),
        seed=seed,
        sources=dict(sources),
        fitted=tuple(sorted(digest(case) for case in known)),
    )


def _refuse_duplicates(known: Sequence[Case]) -> None:
    for one, other in itertools.pairwise(known):
        if one.id == other.id:
            raise FitError(f"id {one.id!r} is there twice")


def _refuse_poor(known: Sequence[Case]) -> None:
    poverty = _too_poor(known)
    if poverty:
        raise FitError(poverty)


def _too_poor(known: Sequence[Case]) -> str | None:
    """Why nothing can be learned from these, if so."""
    anomalous = sum(case.truth is True for case in known)
    good = len(known) - anomalous
    if len(known) < LEAST_ITEMS:
        return f"{len(known)} judgements with truth: at least {LEAST_ITEMS} are needed"
    if not anomalous or not good:
        which = "good" if good else "anomalous"
        hint = "; --max-overkill can be held with good parts alone" if good else ""
        return f"all {len(known)} judgements are {which}: there is nothing to tell apart{hint}"
    if min(anomalous, good) < LEAST_OF_CLASS:
        return (
            f"{anomalous} anomalous and {good} good judgements: at least {LEAST_OF_CLASS} of each "
            "are needed"
        )
    if len({case.first for case in known}) == 1 and len({case.second for case in known}) == 1:
        return f"every first look says {known[0].first!r}: there is nothing to learn from"
    return None
