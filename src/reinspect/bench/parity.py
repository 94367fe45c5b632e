"""Parity: two recipes on the same parts, say one model behind two servers, and where they differ.

A model that is served by another program, in other weights' precision or by another form of answers
should say the same. What differs is told part by part: the label, what happens to the part, and a
probability that is further apart than a tolerance.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from pydantic import Field

from reinspect import metrics
from reinspect.cost import ModelCost
from reinspect.errors import ReinspectError
from reinspect.runs.limits import Ending
from reinspect.runs.plan import RunPlan
from reinspect.runs.session import RunResult
from reinspect.store import Row, Store
from reinspect.vocabulary import Label, Outcome, Probability, Seconds, Value

TOLERANCE = 0.05
"""Gap of two probabilities up to which they are alike."""


class ParityError(ReinspectError, ValueError):
    """Two runs that can't be held against each other."""


class SideVerdict(Value):
    """What one side said of a part."""

    label: Label | None
    probability: Probability | None
    outcome: Outcome
    types: tuple[str, ...] = ()
    error: str | None = None


class PartDifference(Value):
    """A part of which the two say different things."""

    part: str
    what: tuple[str, ...] = Field(description="label, outcome, types, probability, error")
    one: SideVerdict
    other: SideVerdict


class ParitySide(Value):
    """One of the two."""

    name: str
    failed: int
    calls: int = Field(description="Of models.")
    unread: int = Field(description="Answers that could not be read.")
    tokens: int
    seconds: Seconds = Field(description="Of all steps.")


class Parity(Value):
    """Two recipes on the same parts."""

    one: ParitySide
    other: ParitySide
    parts: int
    labels_alike: int = Field(description="Of the parts that both gave a verdict on.")
    judged: int = Field(description="Those parts.")
    kappa: float | None = Field(description="Cohen's, of the labels.")
    mean_gap: float | None = Field(description="Between the probabilities.")
    largest_gap: float | None
    tolerance: float
    differences: tuple[PartDifference, ...]

    @property
    def alike(self) -> bool:
        """Whether every label and every outcome is the same, and nothing failed."""
        hard = {"label", "outcome", "error"}
        return not any(hard & set(one.what) for one in self.differences)


class RatedParts(NamedTuple):
    """What a side said, by part, and what it took."""

    rows: dict[str, Row]
    side: ParitySide


def rated(name: str, plan: RunPlan, run: Callable[[RunPlan], RunResult]) -> RatedParts | None:
    """Let a plan's recipe judge all parts, in a folder beside the plan's; none if interrupted.

    A run that is there is finished, or taken as it is.

    Raises:
        UsageError: the folder is of another recipe, or of other parts.
    """
    folder = plan.out.with_name(f"{plan.out.name}-{name}")
    begun = (folder / "recipe.yaml").is_file()
    finished = run(replace(plan, out=folder, resume=begun))
    if finished.ending is not Ending.DONE:
        return None
    with Store.open(plan.store, create=False) as store:
        rows = {found.row.image: found.row for found in store.inspections(finished.run_id)}
        cost = ModelCost.of_counters(store.run_of(finished.run_id).counters) or ModelCost()
    side = ParitySide(
        name=name,
        failed=sum(row.error is not None for row in rows.values()),
        calls=cost.calls,
        unread=cost.unread,
        tokens=cost.tokens,
        seconds=sum(row.seconds for row in rows.values()),
    )
    return RatedParts(rows, side)


def compare_sides(one: RatedParts, other: RatedParts, *, tolerance: float = TOLERANCE) -> Parity:
    """Hold two sides against each other.

    Args:
        one: a side.
        other: the other, on the same parts.
        tolerance: gap of two probabilities up to which they are alike.

    Raises:
        ParityError: they judged other parts.
    """
    if set(one.rows) != set(other.rows):
        odd = sorted(set(one.rows) ^ set(other.rows))[0]
        raise ParityError(
            f"{one.side.name} and {other.side.name} judged other parts: {odd!r} is of one alone"
        )
    pairs = {part: (_said(one.rows[part]), _said(other.rows[part])) for part in sorted(one.rows)}
    both = [(a, b) for a, b in pairs.values() if a.label and b.label]
    gaps = _gaps(both)
    differences = [
        PartDifference(part=part, what=what, one=a, other=b)
        for part, (a, b) in pairs.items()
        if (what := _what(a, b, tolerance))
    ]
    return Parity(
        one=one.side,
        other=other.side,
        parts=len(pairs),
        labels_alike=sum(a.label is b.label for a, b in both),
        judged=len(both),
        kappa=metrics.cohen_kappa([a.label for a, _ in both], [b.label for _, b in both]),
        mean_gap=sum(gaps) / len(gaps) if gaps else None,
        largest_gap=max(gaps, default=None),
        tolerance=tolerance,
        differences=tuple(differences),
    )


def _said(row: Row) -> SideVerdict:
    verdict = row.verdict
    return SideVerdict(
        label=verdict.label if verdict else None,
        probability=verdict.probability if verdict else None,
        outcome=row.disposition,
        types=verdict.types if verdict else (),
        error=row.error,
    )


def _gaps(both: Sequence[tuple[SideVerdict, SideVerdict]]) -> list[float]:
    return [
        abs(a.probability - b.probability)
        for a, b in both
        if a.probability is not None and b.probability is not None
    ]


def _what(one: SideVerdict, other: SideVerdict, tolerance: float) -> tuple[str, ...]:
    """In which of its sayings two differ; a failure is told alone."""
    if one.error or other.error:
        return ("error",)
    found = [
        name for name in ("label", "outcome", "types") if getattr(one, name) != getattr(other, name)
    ]
    if any(gap > tolerance for gap in _gaps([(one, other)])):
        found.append("probability")
    return tuple(found)
