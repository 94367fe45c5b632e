"""What may not be learned from, and which side of the split a picture is on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from reinspect.dataset import discover
from reinspect.graph.recipe import RecipeError, parse_recipe
from reinspect.images import UnreadableImage, sha256_of
from reinspect.policies.fitted import load_monitor
from reinspect.store import Run
from reinspect.training.episodes.episode import EpisodeError, Side
from reinspect.training.episodes.labelled import LabelledInspection
from reinspect.training.references import KnownReferences
from reinspect.training.splits import Split, digest, folds, units

LEAST_GROUPS = 5
"""With fewer groups, one left out would say more of itself than of new parts."""

REFERENCE = "it is a known-good reference"
CALIBRATED = "the run's monitor was calibrated on it"
HELD_OUT = "it is held out for measuring"


class Exclusion(NamedTuple):
    """Says of an inspection why nothing may be learned from its picture."""

    references: KnownReferences
    calibrated: Mapping[int, frozenset[str]]
    """Run → digests of what its monitor was calibrated on."""
    held_out: frozenset[str]
    """SHA-256 of pictures that something will be measured on."""

    @classmethod
    def of(
        cls, runs: Iterable[Run], held_out: Sequence[Path], references: KnownReferences
    ) -> "Exclusion":
        """What no episode of these runs may be made of.

        Args:
            runs: whose monitors were calibrated on something.
            held_out: pictures, folders and roots that something will be measured on.
            references: the known-good pictures.

        Raises:
            EpisodeError: something held out is not there, or a run's monitor can't be read.
        """
        calibrated = {run.id: _calibrated(run) for run in runs}
        return cls(references, calibrated, frozenset(_hashes(held_out)))

    def __call__(self, inspection: LabelledInspection) -> str | None:
        """The reason; none if its picture may be learned from."""
        if inspection.sha256 in self.held_out:
            return HELD_OUT
        if inspection in self.references:
            return REFERENCE
        if digest(inspection.case()) in self.calibrated[inspection.run.id]:
            return CALIBRATED
        return None


class Sides(NamedTuple):
    """The side of each inspection, and in words how they were kept apart."""

    sides: tuple[Side, ...]
    how: str


def assign_sides(
    inspections: Sequence[LabelledInspection],
    group_of: Callable[[LabelledInspection], str],
    *,
    share: float,
    seed: int,
) -> Sides:
    """Which side each inspection is on: whole groups where there are enough, else by content.

    Copies of one picture are always on one side.

    Args:
        inspections: in any order; the same ones give the same sides.
        group_of: the group of each.
        share: of inspections that validate, [0, 1); about so many, since units are kept whole.
        seed: of the deal.
    """
    count = len(inspections)
    if not share:
        return Sides((Side.TRAIN,) * count, "nothing is kept for validation")
    cases = [one.case(group=group_of(one)) for one in inspections]
    number = units(cases, Split.GROUP)
    sizes = np.bincount(number) if len(number) else np.zeros(0, dtype=np.intp)
    enough = len(sizes) >= LEAST_GROUPS and sizes.max() * 2 <= sizes.sum()
    split = Split.GROUP if enough else Split.RANDOM
    order = sorted(range(count), key=lambda i: (inspections[i].sha256, inspections[i].image))
    dealt = folds([cases[i] for i in order], split, seed=seed, count=max(2, round(1 / share)))
    rng = np.random.default_rng(seed)
    validating: set[int] = set()
    for fold in rng.permutation(len(dealt)):
        more = {order[i] for i in dealt[fold]}
        gap = share * count - len(validating)
        if len(validating) + len(more) < count and len(more) / 2 <= gap:
            validating |= more
    sides = tuple(Side.VALIDATION if i in validating else Side.TRAIN for i in range(count))
    return Sides(sides, _in_words(split, len(sizes)))


def _in_words(split: Split, groups: int) -> str:
    if split is Split.GROUP:
        return f"whole groups ({groups} in all) and copies of a picture are on one side"
    return (
        f"copies of a picture are on one side; {groups} group{'s' * (groups != 1)} "
        f"({LEAST_GROUPS} of even size are needed to keep groups apart), so that validation says "
        "nothing of new kinds of parts"
    )


def _calibrated(run: Run) -> frozenset[str]:
    """Digests of what the run's fitted monitor has its thresholds from."""
    try:
        recipe = parse_recipe(run.recipe)
    except (RecipeError, yaml.YAMLError) as failure:
        raise EpisodeError(f"run {run.name!r}: {failure}") from failure
    monitors = [recipe.monitor, *(own.monitor for own in recipe.views.values() if own.monitor)]
    files = {
        own.options["file"] for own in monitors if own.kind == "fitted" and "file" in own.options
    }
    try:
        return frozenset(name for file in files for name in load_monitor(file).training.calibrated)
    except (ValueError, OSError) as failure:
        raise EpisodeError(
            f"run {run.name!r}: its monitor can't be read, so that what it was calibrated on is "
            f"not known: {failure}"
        ) from failure


def _hashes(held_out: Sequence[Path]) -> Iterable[str]:
    if not held_out:
        return
    try:
        items = list(discover(list(held_out)))
    except (ValueError, OSError) as failure:
        raise EpisodeError(f"--held-out: {failure}") from failure
    for item in items:
        try:
            yield sha256_of(item.path)
        except UnreadableImage as failure:
            raise EpisodeError(f"--held-out: {failure}") from failure
