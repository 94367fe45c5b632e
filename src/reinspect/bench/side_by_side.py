"""M3-AD-Bench: recipes or critics side by side on the same images, before and after reflection."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from reinspect.bench import paired
from reinspect.bench.paired import Changes
from reinspect.bench.protocol import BenchReport, CategoryReport, JudgedImage, mean_of
from reinspect.bench.scenarios import Scenario, scenario_of
from reinspect.cost import ModelCost
from reinspect.errors import ReinspectError
from reinspect.vocabulary import Seconds, Value


class SideBySideError(ReinspectError, ValueError):
    """Contestants that can't be compared."""


class Cost(Value):
    """What all images together took."""

    second_looks: int
    seconds: Seconds = Field(description="Of all steps, whatever ran beside them.")
    calls: int = Field(description="Of models.")
    tokens: int
    usd: float | None = Field(description="Null where a call's price is not known.")


class Contestant(BenchReport):
    """One recipe's bench: its figures, and what reflection gained."""

    name: str
    monitor: str = Field(description="As the recipe has it, in words.")
    scenarios: Mapping[str, CategoryReport] = Field(
        description="Scenario → mean over its categories."
    )
    gains: Changes = Field(description="Final less first look, on the same images.")
    cost: Cost
    warnings: tuple[str, ...] = ()
    views: Mapping[str, BenchReport] = Field(
        default_factory=dict,
        exclude_if=lambda said: not said,
        description="Of parts with several views: view → what it alone would have come to.",
    )


class SideBySide(Value):
    """Contestants on the same images, the first being what the others are held against."""

    contestants: tuple[Contestant, ...]
    differences: Mapping[str, Changes] = Field(
        description="Contestant → its final look less that of the first contestant."
    )
    images: int
    seed: int
    rounds: int = Field(description="Draws of the bootstrap.")


class Benched(NamedTuple):
    """What a contestant's runs gave."""

    name: str
    monitor: str
    judged: Sequence[JudgedImage]
    report: BenchReport
    warnings: tuple[str, ...] = ()
    views: Mapping[str, BenchReport] = {}
    """Of parts with several views: view → what it alone would have come to."""


def compare(
    benched: Sequence[Benched],
    *,
    scenarios: Mapping[str, Scenario] | None = None,
    seed: int = 0,
    rounds: int = paired.ROUNDS,
) -> SideBySide:
    """Count everything.

    Args:
        benched: one or more, the first being what the others are held against.
        scenarios: category → scenario, besides those that are known.
        seed: of the bootstrap.
        rounds: draws of it.

    Raises:
        SideBySideError: two of one name, or of other images, or other truth.
    """
    _refuse(benched)
    names = sorted(benched[0].report.categories)
    kinds = {name: scenario_of(name, scenarios or {}).value for name in names}
    finals = [paired.final_looks(one.judged) for one in benched]
    contestants = [
        _contestant(
            one,
            kinds,
            paired.changes(paired.first_looks(one.judged), final, kinds, seed=seed, rounds=rounds),
        )
        for one, final in zip(benched, finals, strict=True)
    ]
    return SideBySide(
        contestants=tuple(contestants),
        differences={
            one.name: paired.changes(finals[0], final, kinds, seed=seed, rounds=rounds)
            for one, final in list(zip(benched, finals, strict=True))[1:]
        },
        images=len(benched[0].judged),
        seed=seed,
        rounds=rounds,
    )


def _refuse(benched: Sequence[Benched]) -> None:
    names = [one.name for one in benched]
    for name in names:
        if names.count(name) > 1:
            raise SideBySideError(f"two contestants are called {name!r}")
    truth = [{(j.category, j.image): j.truth.label for j in one.judged} for one in benched]
    for one, known in zip(benched, truth, strict=True):
        if known != truth[0]:
            odd = sorted(dict(known.items() ^ truth[0].items()))[0]
            raise SideBySideError(
                f"{one.name} and {benched[0].name} were not benched on the same images: {odd[1]!r} "
                "differs"
            )


def _contestant(one: Benched, kinds: Mapping[str, str], gains: Changes) -> Contestant:
    of_kind: dict[str, list[CategoryReport]] = {}
    for name, report in one.report.categories.items():
        of_kind.setdefault(kinds[name], []).append(report)
    spent = sum((item.spent for item in one.judged), start=ModelCost())
    return Contestant(
        categories=one.report.categories,
        overall=one.report.overall,
        name=one.name,
        monitor=one.monitor,
        scenarios={kind: mean_of(own) for kind, own in sorted(of_kind.items())},
        gains=gains,
        cost=Cost(
            second_looks=sum(item.rounds for item in one.judged),
            seconds=sum(item.seconds for item in one.judged),
            calls=spent.calls,
            tokens=spent.tokens,
            usd=spent.known_usd,
        ),
        warnings=one.warnings,
        views=one.views,
    )
