"""Rehearsal: each reference, left out, looked at as it is, slightly varied, and with drawn damage.

Nobody has to label anything: what is drawn is known, and so is that a reference is good.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.images import Pixels
from reinspect.qualification.damage import KINDS, SIZES, Damaged, Drawing, PictureDamage
from reinspect.qualification.detection import Trial
from reinspect.qualification.judging import RehearsalJudge
from reinspect.qualification.looks import PartLook
from reinspect.references import digest_of_pixels

REHEARSED = 40
"""References that are looked at, evenly spaced: of more, the others are compared with only."""

DAMAGED = 24
"""Damaged looks a kind, over all references."""

_GOOD = 48  # looks at varied references in all, at most
_VARIED = 3  # looks at one varied reference, at most
_THREADS = 2


ON_PICTURES = PictureDamage()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be looked at: drawn anew, it comes out the same."""

    owner: int
    """Place of the reference."""
    seed: tuple[int, ...]
    kind: str | None = None
    """Of damage; none for a good part."""
    share: float = 0.0
    """Size of the damage, of the picture's side."""
    varied: bool = False

    def damaged(self, image: Pixels, drawing: Drawing = ON_PICTURES) -> Damaged | None:
        """The reference with damage drawn on it; none where nothing comes out."""
        if self.kind is None:
            raise ValueError("a good part has no damage")
        rng = np.random.default_rng(self.seed)
        return drawing.damaged(self.owner, image, self.kind, self.share, rng)


class Rehearsed(NamedTuple):
    """One attempt and what came of it."""

    attempt: Attempt
    look: PartLook
    grid: npt.NDArray[np.float16] | None
    """The first network's features; None without one."""


def plan(
    owners: Sequence[int],
    *,
    damaged: int = DAMAGED,
    seed: int = 0,
    kinds: Sequence[str] = tuple(KINDS),
) -> list[Attempt]:
    """What to look at, by reference: equally many damaged looks a kind, of all sizes.

    Args:
        owners: places of the references that are rehearsed.
        damaged: looks a kind; none for good parts as they are alone.
        seed: the same seed plans the same.
        kinds: of damage.
    """
    rng = np.random.default_rng(seed)
    attempts = [Attempt(owner, (seed, owner)) for owner in owners]
    if damaged:
        times = max(1, min(_VARIED, _GOOD // len(owners)))
        attempts += [
            Attempt(owner, (seed, owner, time + 1), varied=True)
            for owner in owners
            for time in range(times)
        ]
    low, high = np.log(SIZES)
    for number, kind in enumerate(kinds if damaged else ()):
        steps = (rng.permutation(damaged) + rng.random(damaged)) / damaged
        shift = int(rng.integers(len(owners)))
        for time, step in enumerate(steps):
            attempts.append(
                Attempt(
                    owner=owners[(shift + time) % len(owners)],
                    seed=(seed, 1000 + number, time),
                    kind=kind,
                    share=float(np.exp(low + step * (high - low))),
                )
            )
    return sorted(attempts, key=lambda it: it.owner)


def rehearse(
    judge: RehearsalJudge,
    images: Sequence[Pixels],
    names: Sequence[str],
    attempts: Sequence[Attempt],
    progress: Callable[[int, int], None] = lambda done, total: None,
    drawing: Drawing = ON_PICTURES,
) -> list[Rehearsed]:
    """Look at all that is planned; what can't be drawn is left out.

    Args:
        judge: of the references, its fits made.
        images: the references, read when they are asked for.
        names: of the references.
        attempts: see `plan`.
        progress: told how many attempts are done, and of how many.
        drawing: what draws damage on the references.

    Raises:
        UnreadableImage: a reference can't be read.
    """
    by_owner: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        by_owner.setdefault(attempt.owner, []).append(attempt)
    counting, done = threading.Lock(), 0

    def work(owner: int) -> list[Rehearsed]:
        nonlocal done
        image = images[owner]
        digest = digest_of_pixels(image)
        found = []
        for attempt in by_owner[owner]:
            looked = _looked(judge, image, names[owner], digest, attempt, drawing)
            found += [] if looked is None else [looked]
            with counting:
                done += 1
                progress(done, len(attempts))
        return found

    with ThreadPoolExecutor(_THREADS) as threads:
        try:
            results = list(threads.map(work, by_owner))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return [one for own in results for one in own]


def falsely_called(looks: Sequence[PartLook]) -> set[str]:
    """References that are held back as they are."""
    return {it.part for it in looks if it.kind is None and not it.varied and it.detected}


def trials_of(looks: Sequence[PartLook]) -> Iterator[Trial]:
    """Looks at damage, but for those at parts that are held back without any.

    There, damage is found however small, which says nothing of the damage.
    """
    strange = falsely_called(looks)
    for look in looks:
        trial = look.trial
        if trial is not None and trial.part not in strange:
            yield trial


def _looked(
    judge: RehearsalJudge,
    image: Pixels,
    name: str,
    digest: str,
    attempt: Attempt,
    drawing: Drawing,
) -> Rehearsed | None:
    shown, mask = image, None
    if attempt.kind is not None:
        drawn = attempt.damaged(image, drawing)
        if drawn is None:
            return None
        shown, mask = drawn.image, drawn.mask
    elif attempt.varied:
        shown = drawing.varied(attempt.owner, image, np.random.default_rng(attempt.seed))
    opinion = judge(shown, attempt.owner, digest)
    look = opinion.as_look(name, attempt.kind, mask=mask, varied=attempt.varied)
    grid = None if opinion.grid is None else opinion.grid.astype(np.float16)
    return Rehearsed(attempt, look, grid)
