"""Splits that leak nothing: what belongs together stays on one side."""

from collections.abc import Hashable, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from reinspect.files import digest_of
from reinspect.policies.case import Case

Indices = npt.NDArray[np.intp]

MOST_FOLDS = 20
"""Up to so many groups are left out one by one; more are dealt into ten folds."""

_MANY_GROUPS = 10


class Split(StrEnum):
    """What never stands on both sides: pictures of the same bytes or part, or whole groups, too."""

    RANDOM = "random"
    GROUP = "group"


def ordered(cases: Sequence[Case]) -> list[Case]:
    """By id, so that the order of a file can't matter."""
    return sorted(cases, key=lambda case: case.id)


def digest(case: Case) -> str:
    """A short name of the part, the same in every file: of its bytes, else of group and id."""
    name = case.sha256 or f"{case.group}\n{case.id}"
    return digest_of(name)[:16]


def units(cases: Sequence[Case], split: Split) -> Indices:
    """The number of each item's unit, shape (n,): items of one unit are kept together.

    Units are counted in order of appearance. An item without a group belongs to none.
    """
    parent = list(range(len(cases)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    seen: dict[Hashable, int] = {}
    for i, case in enumerate(cases):
        keys: list[Hashable] = [digest(case)]
        if case.part is not None:
            keys.append(("part", case.part))
        if split is Split.GROUP and case.group is not None:
            keys.append(("group", case.group))
        for key in keys:
            one, other = sorted((root(seen.setdefault(key, i)), root(i)))
            parent[other] = one
    numbers: dict[int, int] = {}
    return np.array(
        [numbers.setdefault(root(i), len(numbers)) for i in range(len(parent))], dtype=np.intp
    )


def folds(cases: Sequence[Case], split: Split, *, seed: int, count: int = 5) -> list[Indices]:
    """The items of each fold, none empty; classes are spread evenly as far as units allow.

    A group split leaves one group out at a time (many are dealt into ten folds), whatever `count`.
    Truth that is not known counts as a class of its own.
    """
    number = units(cases, split)
    total = int(number.max()) + 1 if len(number) else 0
    if split is Split.GROUP:
        count = total if total <= MOST_FOLDS else 10
    fold_of_unit = _dealt(cases, number, total, count, np.random.default_rng(seed))
    fold = fold_of_unit[number]
    return [np.flatnonzero(fold == i) for i in range(count) if (fold == i).any()]


def halves(cases: Sequence[Case], *, seed: int) -> tuple[Indices, Indices, Split]:
    """Two halves, one to fit on and one to calibrate on, and how they were kept apart.

    By group where there are at least ten and none holds more than a fifth of the items: with
    fewer, both halves would not show the same kinds of parts, and what holds on one would say
    little of the other.
    """
    sizes = np.bincount(units(cases, Split.GROUP))
    many = len(sizes) >= _MANY_GROUPS and sizes.max() * 5 <= sizes.sum()
    split = Split.GROUP if many else Split.RANDOM
    number = units(cases, split)
    rng = np.random.default_rng(seed)
    side = _dealt(cases, number, int(number.max()) + 1, 2, rng)[number]
    return np.flatnonzero(side == 0), np.flatnonzero(side == 1), split


def _dealt(
    cases: Sequence[Case],
    number: Indices,
    total: int,
    count: int,
    rng: np.random.Generator,
) -> Indices:
    """The fold of each unit: large units first, each to the fold that has least of its class."""
    classes = {None: 0, False: 1, True: 2}
    made = np.zeros((total, 3), dtype=np.intp)
    for unit, case in zip(number, cases, strict=True):
        made[unit, classes[case.truth]] += 1
    shuffled = rng.permutation(total)
    main = made.argmax(axis=1)
    order = shuffled[np.lexsort((main[shuffled], -made.sum(axis=1)[shuffled]))]
    held = np.zeros((count, 3), dtype=np.intp)
    fold = np.zeros(total, dtype=np.intp)
    for unit in order:
        best = min(range(count), key=lambda i: (held[i, main[unit]], held[i].sum(), i))
        fold[unit] = best
        held[best] += made[unit]
    return fold
