"""The monitor's report: what the first look, the blend and the fitted monitor are worth.

Counted as everywhere (`reinspect.metrics`): forced labels; first look and blend are ranked by
max(p, 1 − p), the fitted verdict by its reliability; the ledger is of parts looked at twice.
"""

import json
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from reinspect import metrics
from reinspect.metrics import Bin, Interval, Ledger
from reinspect.policies.case import Case
from reinspect.policies.fitted import FittedMonitor, Result
from reinspect.references import evenly_spaced
from reinspect.training.monitor.fit import FitError, fit_monitor
from reinspect.training.splits import Split, digest, folds, ordered
from reinspect.vocabulary import Outcome, Value

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Method = Literal["first", "blend", "fitted"]

SELDOM, ALMOST_ALWAYS = 0.01, 0.9
"""Revision rates below and above which a monitor has collapsed to "never" or "always"."""

_ROUNDS = 500  # bootstrap draws
_CURVE = 100  # points of a curve that are kept


class MethodFigures(Value):
    """What one way of judging is worth; null where the parts can't say."""

    accuracy: float | None
    balanced_accuracy: float | None
    auroc: float | None
    ece: float | None
    aurc: float | None
    accuracy_at_80_coverage: float | None


class Group(Value):
    """The figures of one group."""

    n: int
    anomalous: int
    first: MethodFigures
    blend: MethodFigures
    fitted: MethodFigures
    ledger: Ledger


class Revisions(Value):
    """How often a second look changed the label."""

    looked_twice: int
    revised: int
    rate: float | None


class DispositionRates(Value):
    """What the monitor's thresholds did on these parts; null where a class is absent."""

    escape_rate: float | None
    overkill_rate: float | None
    review_rate: float | None


class Uncertainty(Value):
    """95 % bootstrap intervals."""

    ece: Interval | None
    aurc: Interval | None


class Report(Value):
    """All figures. `first`, `blend`, `fitted`: the first look, the mean of both, the monitor."""

    first: MethodFigures
    blend: MethodFigures
    fitted: MethodFigures
    ledger: Ledger
    groups: dict[str, Group]
    n: int
    anomalous: int
    how: str
    apart: tuple[str, ...] = Field(description="How what is measured on was kept from the fit.")
    revisions: Revisions
    settled: DispositionRates | None
    intervals: dict[Method, Uncertainty]
    diagrams: dict[Method, tuple[Bin, ...]]
    curves: dict[Method, tuple[tuple[float, float], ...]]
    warnings: tuple[str, ...]


class _Scores(NamedTuple):
    """One way of judging: P(anomalous) and what verdicts are ranked by."""

    probability: Floats
    rank: Floats


def cross_validate(
    cases: Sequence[Case], split: Split, *, seed: int
) -> tuple[list[Case], list[Result]]:
    """Judge every part of known truth by a monitor that was fitted without it.

    Random: five stratified folds. Group: each group left out in turn.

    Raises:
        FitError: a fold's other parts can't be fitted on, or there is one group only.
    """
    known = ordered([case for case in cases if case.truth is not None])
    fit_monitor(known, seed=seed)  # says plainly what is wrong with all of them
    kept = folds(known, split, seed=seed)
    if len(kept) < 2:
        raise FitError(f"{len(kept)} group: leaving groups out needs at least two")
    results: dict[int, Result] = {}
    for fold in kept:
        rest = np.setdiff1d(np.arange(len(known)), fold)
        try:
            monitor = fit_monitor([known[i] for i in rest], seed=seed)
        except FitError as failure:
            names = ", ".join(sorted({str(known[i].group) for i in fold}))
            left_out = f"without group {names}" if split is Split.GROUP else "without one fold"
            raise FitError(f"{left_out}: {failure}") from failure
        results.update({int(i): monitor.score(known[i]) for i in fold})
    return known, [results[i] for i in range(len(known))]


def kept_apart(split: Split) -> str:
    """How `cross_validate` keeps fit and test from each other, in words."""
    whole = " nor are parts of one group" if split is Split.GROUP else ""
    return f"pictures of the same bytes are never in the fit and in the test{whole and ','}{whole}"


def apply(
    cases: Sequence[Case], monitor: FittedMonitor
) -> tuple[list[Case], list[Result], tuple[str, ...]]:
    """Judge every part of known truth by a monitor; warns of parts that it has seen.

    Raises:
        FitError: no truth is known.
    """
    known = ordered([case for case in cases if case.truth is not None])
    if not known:
        raise FitError("no judgement has a truth to report against")
    warnings = []
    for what, seen in (
        ("fitted", monitor.training.fitted),
        ("calibrated", monitor.training.calibrated),
    ):
        shared = sum(digest(case) in set(seen) for case in known) if seen else 0
        if shared:
            warnings.append(
                f"{shared} of {len(known)} parts are among those the monitor was {what} on: "
                "it looks better on them than it is"
            )
    return known, [monitor.score(case) for case in known], tuple(warnings)


def report_of(
    known: Sequence[Case],
    results: Sequence[Result],
    *,
    how: str,
    apart: Sequence[str] = (),
    seed: int = 0,
    warnings: Sequence[str] = (),
) -> Report:
    """Count everything.

    Args:
        known: cases of known truth.
        results: what the monitor made of each, in the same order.
        how: where the monitor comes from, in words.
        apart: how these parts were kept from its fit, in words.
        seed: of the bootstrap.
        warnings: to be shown with its own.
    """
    truth = np.array([case.truth is True for case in known], dtype=bool)
    views, twice = _method_scores(known, results), _looked_twice(results)
    rng = np.random.default_rng(seed)
    revisions = _revisions(views, twice)
    names = sorted({case.group for case in known if case.group is not None})
    members = {name: np.array([case.group == name for case in known], dtype=bool) for name in names}
    return Report(
        **_figures_and_ledger(views, truth, twice),
        groups={name: _group(views, truth, twice, mine) for name, mine in members.items()},
        n=len(known),
        anomalous=int(truth.sum()),
        how=how,
        apart=tuple(apart),
        revisions=revisions,
        settled=_disposition_rates(results, truth),
        intervals={who: _uncertainty(view, truth, rng) for who, view in views.items()},
        diagrams={w: metrics.reliability_diagram(v.probability, truth) for w, v in views.items()},
        curves={who: _curve(view, truth) for who, view in views.items()},
        warnings=(*warnings, *_collapse_warnings(revisions)),
    )


def dumped(report: Report) -> str:
    """The report as JSON text."""
    return json.dumps(report.model_dump(mode="json"), indent=2) + "\n"


def _method_scores(known: Sequence[Case], results: Sequence[Result]) -> dict[Method, _Scores]:
    first = np.array([case.first for case in known], dtype=np.float64)
    blend = np.array([case.blend for case in known], dtype=np.float64)
    fitted = np.array([r.probability for r in results], dtype=np.float64)
    reliability = np.array([r.reliability for r in results], dtype=np.float64)
    return {
        "first": _Scores(first, metrics.confidence(first)),
        "blend": _Scores(blend, metrics.confidence(blend)),
        "fitted": _Scores(fitted, reliability),
    }


def _looked_twice(results: Sequence[Result]) -> Bools:
    return np.array([r.stage == "second" for r in results], dtype=bool)


def _figures(view: _Scores, truth: Bools) -> MethodFigures:
    p = view.probability
    return MethodFigures(
        accuracy=metrics.accuracy(p, truth),
        balanced_accuracy=metrics.balanced_accuracy(p, truth),
        auroc=metrics.auroc(p, truth),
        ece=metrics.ece(p, truth),
        aurc=metrics.aurc(view.rank, metrics.right(p, truth)),
        accuracy_at_80_coverage=metrics.accuracy_at_coverage(
            view.rank, metrics.right(p, truth), 0.8
        ),
    )


def _figures_and_ledger(
    views: dict[Method, _Scores], truth: Bools, twice: Bools
) -> dict[str, MethodFigures | Ledger]:
    first, final = views["first"].probability[twice], views["fitted"].probability[twice]
    ledger = Ledger.count(first, final, truth[twice])
    return {**{who: _figures(view, truth) for who, view in views.items()}, "ledger": ledger}


def _group(views: dict[Method, _Scores], truth: Bools, twice: Bools, mine: Bools) -> Group:
    own: dict[Method, _Scores] = {
        who: _Scores(view.probability[mine], view.rank[mine]) for who, view in views.items()
    }
    counted = _figures_and_ledger(own, truth[mine], twice[mine])
    return Group(n=int(mine.sum()), anomalous=int(truth[mine].sum()), **counted)


def _revisions(views: dict[Method, _Scores], twice: Bools) -> Revisions:
    changed = (views["first"].probability >= 0.5) != (views["fitted"].probability >= 0.5)
    n, revised = int(twice.sum()), int((changed & twice).sum())
    return Revisions(looked_twice=n, revised=revised, rate=revised / n if n else None)


def _collapse_warnings(revisions: Revisions) -> tuple[str, ...]:
    rate = revisions.rate
    if rate is None:
        return ("no part was looked at twice: nothing can be said of revision",)
    of = f"{revisions.revised} of {revisions.looked_twice} labels"
    if rate <= SELDOM:
        return (f"the monitor never revises ({of}): second looks are spent for nothing",)
    if rate >= ALMOST_ALWAYS:
        return (f"the monitor always revises ({of}): the first look counts for nothing",)
    return ()


def _disposition_rates(results: Sequence[Result], truth: Bools) -> DispositionRates | None:
    outcomes: list[Outcome] = [r.disposition for r in results if r.disposition is not None]
    if len(outcomes) < len(results):
        return None
    return DispositionRates(
        escape_rate=metrics.escape_rate(outcomes, truth),
        overkill_rate=metrics.overkill_rate(outcomes, truth),
        review_rate=metrics.review_rate(outcomes),
    )


def _uncertainty(view: _Scores, truth: Bools, rng: np.random.Generator) -> Uncertainty:
    hit = metrics.right(view.probability, truth)
    return Uncertainty(
        ece=metrics.bootstrap(metrics.ece, view.probability, truth, rng=rng, rounds=_ROUNDS),
        aurc=metrics.bootstrap(metrics.aurc, view.rank, hit, rng=rng, rounds=_ROUNDS),
    )


def _curve(view: _Scores, truth: Bools) -> tuple[tuple[float, float], ...]:
    """Coverage and risk, at no more places than a plot can show."""
    coverage, risk = metrics.risk_coverage(view.rank, metrics.right(view.probability, truth))
    kept = evenly_spaced(len(risk), _CURVE)
    return tuple((float(coverage[i]), float(risk[i])) for i in kept)
