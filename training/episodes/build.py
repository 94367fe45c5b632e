"""Episodes from stored runs, from facts to a finished folder: stages 1, 3 and 4 of M3-AD-FT."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from reinspect.bench.scenarios import Scenario
from reinspect.dataset import item_at
from reinspect.store import Store
from reinspect.training.episodes.captioning import Captions
from reinspect.training.episodes.card import licences_of, readme, warnings_of
from reinspect.training.episodes.episode import Episode, EpisodeError, EpisodeMode
from reinspect.training.episodes.exclusions import guard, sides
from reinspect.training.episodes.folder import (
    EpisodeCard,
    content_of,
    counted,
    refuse_used,
    write_episodes,
)
from reinspect.training.episodes.prompts import Grouping, episode
from reinspect.training.known import KnownInspection, Left, facts_of, recipe_hash
from reinspect.training.references import KnownReferences, chosen


@dataclass(frozen=True, slots=True)
class Wishes:
    """How episodes are to be made."""

    references: Path | None = None
    """Folder of known-good pictures; else the recipe's, else the category's."""
    shown: int = 1
    """Known-good pictures before each test image, where there are any."""
    held_out: tuple[Path, ...] = ()
    categories: tuple[str, ...] = ()
    """All, unless some are named."""
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)
    grouping: Grouping = field(default_factory=Grouping)
    validation: float = 0.2
    unreviewed: bool = False
    """Take captions that nobody has let pass, too."""
    seed: int = 0


def make_episodes(
    store: Store,
    runs: Sequence[str],
    out: Path,
    wishes: Wishes,
    captions: Captions,
    goldens: KnownReferences | None = None,
) -> EpisodeCard:
    """Make a folder of episodes from runs.

    Args:
        store: that has the runs, and their captions.
        runs: by name or folder.
        out: a new folder.
        wishes: how.
        captions: of the store.
        goldens: the known-good pictures, where a teacher has looked them up.

    Raises:
        EpisodeError: the folder is used; nothing is left to learn from; no caption was let pass.
        StoreError: the store has no such run, or can't be read or written.
    """
    refuse_used(out)
    left: dict[str, list[str]] = defaultdict(list)
    goldens = goldens or KnownReferences(wishes.references)
    known = _known(store, runs, wishes, goldens, left)
    _refuse_poor(known, left)
    captions.write(known)
    parts, said = sides(known, wishes.grouping, share=wishes.validation, seed=wishes.seed)
    seed, count = wishes.seed, wishes.shown
    shown = [chosen(goldens.of(one), one.sha256, count, seed=seed) for one in known]
    root = _common([one.path for one in known] + [file for files in shown for file in files])
    rows: list[Episode] = []
    for one, part, references in zip(known, parts, shown, strict=True):
        for mode in EpisodeMode:
            caption = captions.of(one, mode, unreviewed=wishes.unreviewed)
            if isinstance(caption, str):
                left[caption].append(f"{one.trace.sample.id} ({mode.value})")
                continue
            row = episode(
                one,
                mode,
                caption,
                root=root,
                references=references,
                group=wishes.grouping(one),
                split=part,
                scenarios=wishes.scenarios,
            )
            rows.append(row)
    if not rows:
        raise EpisodeError(captions.nothing_reviewed(store.name))
    card = EpisodeCard(
        root=str(root),
        near=os.path.relpath(root, out.absolute()),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        version=version("reinspect"),
        sources={one.run.name: recipe_hash(one.run) for one in known},
        content=content_of(rows),
        counts=counted(rows),
        split=said,
        seed=seed,
        references=count,
        licences=licences_of(_categories(known), root),
        left_out={reason: tuple(images) for reason, images in sorted(left.items())},
        warnings=warnings_of(rows),
    )
    return write_episodes(out, card, rows, readme(out.name, card))


def _known(
    store: Store,
    runs: Sequence[str],
    wishes: Wishes,
    goldens: KnownReferences,
    left: dict[str, list[str]],
) -> list[KnownInspection]:
    guarded = guard([store.run(name) for name in runs], wishes.held_out, goldens)
    known = []
    for found in _every(store, runs):
        if isinstance(found, Left):
            left[found.why].append(found.image)
            continue
        if wishes.categories and found.category not in wishes.categories:
            continue
        why = guarded(found)
        if why is None:
            known.append(found)
        else:
            left[why].append(found.trace.sample.id)
    return known


def _every(store: Store, runs: Sequence[str]) -> Iterable[KnownInspection | Left]:
    for name in dict.fromkeys(runs):
        yield from facts_of(store, name)


def _refuse_poor(known: Sequence[KnownInspection], left: Mapping[str, Sequence[str]]) -> None:
    if not known:
        reasons = "; ".join(f"{len(images)}: {why}" for why, images in left.items())
        raise EpisodeError(
            f"nothing to learn from: {reasons or 'the run has no images'}; truth comes from a data "
            "set's annotations, or from reviews in `reinspect ui`"
        )
    anomalous = sum(one.anomalous for one in known)
    if anomalous in (0, len(known)):
        which, other = ("anomalous", "good") if anomalous else ("normal", "defective")
        raise EpisodeError(
            f"all {len(known)} images are {which}: a critic would learn to say so always; add a "
            f"run with {other} parts, or review some"
        )


def _categories(known: Sequence[KnownInspection]) -> set[Path]:
    items = (item_at(one.path) for one in known)
    return {Path(item.root) for item in items if item and item.root}


def _common(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([file.parent for file in files]))
