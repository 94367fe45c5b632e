"""What may not be learned from, and which side of the split a picture is on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from reinspect.dataset import discover, golden, item_at, references_in
from reinspect.graph.recipe import RecipeError, parse_recipe
from reinspect.images import UnreadableImage, sha256_of
from reinspect.policies.reliability import load_monitor
from reinspect.store import Run
from reinspect.training.episodes import EpisodeError, Part
from reinspect.training.facts import Facts
from reinspect.training.splits import Split, digest, folds, units

LEAST_GROUPS = 5
"""With fewer groups, one left out would say more of itself than of new parts."""

GOLDEN = "it is a known-good reference"
CALIBRATED = "the run's monitor was calibrated on it"
HELD_OUT = "it is held out for measuring"


class References:
    """The known-good pictures of each part: those named, else the recipe's, else the category's."""

    def __init__(self, given: Path | None = None) -> None:
        self._given = given
        self._files: dict[str, tuple[Path, ...]] = {}
        self._hashes: dict[Path, str] = {}

    def of(self, facts: Facts) -> tuple[Path, ...]:
        """Its known-good pictures, by content; their own copies of it left out.

        Raises:
            EpisodeError: a folder of references is missing or empty.
        """
        root, category = _root(facts.path), facts.category or ""
        key = f"{facts.run.id}\n{category}\n{root}"
        if key not in self._files:
            self._files[key] = self._found(facts.run, category, root)
        files = [file for file in self._files[key] if self.hash(file) != facts.sha256]
        return tuple(sorted(files, key=self.hash))

    def hash(self, file: Path) -> str:
        """Of the file's bytes, looked up once."""
        if file not in self._hashes:
            self._hashes[file] = sha256_of(file)
        return self._hashes[file]

    def __contains__(self, facts: Facts) -> bool:
        """Whether the picture is itself one of them."""
        self.of(facts)
        return any(self.hash(f) == facts.sha256 for files in self._files.values() for f in files)

    def _found(self, run: Run, category: str, root: Path | None) -> tuple[Path, ...]:
        named = self._given or _named(run, category)
        if named is None:
            return tuple(file.absolute() for file in golden(root)) if root else ()
        try:
            found = references_in(named)
        except (ValueError, OSError) as failure:
            raise EpisodeError(f"{failure} (references of run {run.name!r})") from failure
        own = found.by_category.get(category, found.default)
        return tuple(file.absolute() for file in own)


def chosen(files: Sequence[Path], sha256: str, count: int, *, seed: int) -> tuple[Path, ...]:
    """So many of a picture's references, always the same ones for the same picture."""
    if not files or not count:
        return ()
    rng = np.random.default_rng([seed, int(sha256[:12], 16)])
    picked = rng.choice(len(files), size=min(count, len(files)), replace=False)
    return tuple(files[i] for i in picked)


def guard(runs: Iterable[Run], held_out: Sequence[Path], goldens: References) -> "Guard":
    """What no episode may be made of.

    Args:
        runs: whose monitors were calibrated on something.
        held_out: pictures, folders and roots that something will be measured on.
        goldens: the known-good pictures.

    Raises:
        EpisodeError: something held out is not there.
    """
    calibrated = {run.id: _calibrated(run) for run in runs}
    return Guard(goldens, calibrated, frozenset(_hashes(held_out)))


class Guard(NamedTuple):
    """Says of a picture why it may not be learned from."""

    goldens: References
    calibrated: Mapping[int, frozenset[str]]
    held_out: frozenset[str]

    def __call__(self, facts: Facts) -> str | None:
        """The reason; none if it may."""
        if facts.sha256 in self.held_out:
            return HELD_OUT
        if facts in self.goldens:
            return GOLDEN
        if digest(facts.judgement("")) in self.calibrated[facts.run.id]:
            return CALIBRATED
        return None


class Sides(NamedTuple):
    """The side of each item, and in words how they were kept apart."""

    parts: tuple[Part, ...]
    said: str


def sides(
    facts: Sequence[Facts], group_of: Callable[[Facts], str], *, share: float, seed: int
) -> Sides:
    """Which side each inspection is on: whole groups where there are enough, else by content.

    Copies of one picture are always on one side.

    Args:
        facts: in any order; the same ones give the same sides.
        group_of: the group of each.
        share: of inspections that validate, [0, 1); about so many, since units are kept whole.
        seed: of the deal.
    """
    if not share:
        return Sides((Part.TRAIN,) * len(facts), "nothing is kept for validation")
    judgements = [one.judgement(group_of(one)) for one in facts]
    number = units(judgements, Split.GROUP)
    sizes = np.bincount(number) if len(number) else np.zeros(0, dtype=np.intp)
    enough = len(sizes) >= LEAST_GROUPS and sizes.max() * 2 <= sizes.sum()
    kept = Split.GROUP if enough else Split.RANDOM
    order = sorted(range(len(facts)), key=lambda i: (facts[i].sha256, facts[i].trace.sample.id))
    dealt = folds([judgements[i] for i in order], kept, seed=seed, count=max(2, round(1 / share)))
    rng = np.random.default_rng(seed)
    validating: set[int] = set()
    for fold in rng.permutation(len(dealt)):
        more = {order[i] for i in dealt[fold]}
        gap = share * len(facts) - len(validating)
        if len(validating) + len(more) < len(facts) and len(more) / 2 <= gap:
            validating |= more
    parts = tuple(Part.VALIDATION if i in validating else Part.TRAIN for i in range(len(facts)))
    return Sides(parts, _in_words(kept, len(sizes)))


def _in_words(kept: Split, groups: int) -> str:
    if kept is Split.GROUP:
        return f"whole groups ({groups} in all) and copies of a picture are on one side"
    return (
        f"copies of a picture are on one side; {groups} group{'s' * (groups != 1)} "
        f"({LEAST_GROUPS} of even size are needed to keep groups apart), so that validation says "
        "nothing of new kinds of parts"
    )


def _root(path: Path) -> Path | None:
    item = item_at(path)
    return Path(item.root) if item and item.root else None


def _named(run: Run, category: str) -> Path | None:
    """The folder of references that the run's recipe names for a category."""
    try:
        named = parse_recipe(run.recipe).references
    except RecipeError as failure:
        raise EpisodeError(f"run {run.name!r}: {failure}") from failure
    if isinstance(named, Mapping):
        return Path(named[category]) if category in named else None
    return Path(named) if named else None


def _calibrated(run: Run) -> frozenset[str]:
    """Digests of what the run's fitted monitor has its thresholds from."""
    try:
        monitor = parse_recipe(run.recipe).monitor
    except (RecipeError, yaml.YAMLError) as failure:
        raise EpisodeError(f"run {run.name!r}: {failure}") from failure
    file = monitor.options.get("file")
    if monitor.kind != "fitted" or file is None:
        return frozenset()
    try:
        return frozenset(load_monitor(file).training.calibrated)
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
