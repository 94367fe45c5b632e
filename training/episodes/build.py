"""Episodes from stored runs, up to a finished folder: stages 1, 3 and 4 of M3-AD-FT."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from reinspect.bench.scenarios import Scenario
from reinspect.dataset import item_at
from reinspect.store import Store
from reinspect.training.episodes.captioning import Captions
from reinspect.training.episodes.card import licences_of, readme, warnings_of
from reinspect.training.episodes.episode import Episode, EpisodeError, EpisodeMode, Side
from reinspect.training.episodes.exclusions import Exclusion, assign_sides
from reinspect.training.episodes.folder import (
    EpisodeCard,
    content_of,
    counted,
    refuse_used,
    write_episodes,
)
from reinspect.training.episodes.labelled import (
    LabelledInspection,
    labelled_inspections,
    recipe_hash,
)
from reinspect.training.episodes.prompts import Grouping, make_episode
from reinspect.training.episodes.trajectories import trajectory_of
from reinspect.training.known import LeftOut
from reinspect.training.references import KnownReferences, choose


@dataclass(frozen=True, slots=True)
class EpisodeOptions:
    """Which episodes are made, and how."""

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
    options: EpisodeOptions,
    captions: Captions,
    references: KnownReferences | None = None,
) -> EpisodeCard:
    """Make a folder of episodes from runs.

    Args:
        store: that has the runs, and their captions.
        runs: by name or folder.
        out: a new folder.
        options: which episodes, and how.
        captions: of the store.
        references: the known-good pictures, where a teacher has looked them up.

    Raises:
        EpisodeError: the folder is used; nothing is left to learn from; no caption was let pass.
        StoreError: the store has no such run, or can't be read or written.
    """
    refuse_used(out)
    references = references or KnownReferences(options.references)
    left_out: dict[str, list[str]] = defaultdict(list)
    inspections = _inspections(store, runs, options, references, left_out)
    _refuse_poor(inspections, left_out)
    captions.write(inspections)
    sides, how = assign_sides(
        inspections, options.grouping, share=options.validation, seed=options.seed
    )
    chosen = [
        _Chosen(
            one,
            side,
            choose(references.of(one), one.sha256, options.shown, seed=options.seed),
        )
        for one, side in zip(inspections, sides, strict=True)
    ]
    root = _common([file for one in chosen for file in (one.inspection.path, *one.references)])
    rows = list(_rows(chosen, captions, options, root, left_out))
    if not rows:
        raise EpisodeError(captions.nothing_reviewed(store.name))
    card = EpisodeCard(
        root=str(root),
        near=os.path.relpath(root, out.absolute()),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        version=version("reinspect"),
        sources={one.run.name: recipe_hash(one.run) for one in inspections},
        content=content_of(rows),
        counts=counted(rows),
        split=how,
        seed=options.seed,
        references=options.shown,
        licences=licences_of(_categories(inspections), root),
        left_out={reason: tuple(images) for reason, images in sorted(left_out.items())},
        warnings=warnings_of(rows),
    )
    acted = [
        trajectory_of(
            one.inspection,
            root=root,
            group=options.grouping(one.inspection),
            split=one.side,
            references=references.of(one.inspection),
        )
        for one in chosen
    ]
    talks = [one for one in acted if one is not None]
    used = {talk.recipe_sha256 for talk in talks}
    recipes = {recipe_hash(one.run): one.run.recipe for one in inspections}
    card = card.model_copy(update={"recipes": {k: v for k, v in recipes.items() if k in used}})
    return write_episodes(out, card, rows, readme(out.name, card), talks)


class _Chosen(NamedTuple):
    """An inspection, the side it is on, and the known-good pictures shown before it."""

    inspection: LabelledInspection
    side: Side
    references: tuple[Path, ...]


def _rows(
    chosen: Sequence[_Chosen],
    captions: Captions,
    options: EpisodeOptions,
    root: Path,
    left_out: dict[str, list[str]],
) -> Iterator[Episode]:
    """Both modes of each inspection, where there is a caption that may be used."""
    for one, side, references in chosen:
        for mode in EpisodeMode:
            caption = captions.of(one, mode, unreviewed=options.unreviewed)
            if isinstance(caption, str):
                left_out[caption].append(f"{one.image} ({mode.value})")
                continue
            yield make_episode(
                one,
                mode,
                caption,
                root=root,
                references=references,
                group=options.grouping(one),
                split=side,
                scenarios=options.scenarios,
            )


def _inspections(
    store: Store,
    runs: Sequence[str],
    options: EpisodeOptions,
    references: KnownReferences,
    left_out: dict[str, list[str]],
) -> list[LabelledInspection]:
    """What may be learned from; reason → images of the rest are added to `left_out`."""
    excluded = Exclusion.of([store.run(name) for name in runs], options.held_out, references)
    inspections = []
    for found in _read(store, runs):
        if isinstance(found, LeftOut):
            left_out[found.why].append(found.image)
            continue
        if options.categories and found.category not in options.categories:
            continue
        why = excluded(found)
        if why is None:
            inspections.append(found)
        else:
            left_out[why].append(found.image)
    return inspections


def _read(store: Store, runs: Sequence[str]) -> Iterator[LabelledInspection | LeftOut]:
    for name in dict.fromkeys(runs):
        yield from labelled_inspections(store, name)


def _refuse_poor(
    inspections: Sequence[LabelledInspection], left_out: Mapping[str, Sequence[str]]
) -> None:
    if not inspections:
        reasons = "; ".join(f"{len(images)}: {why}" for why, images in left_out.items())
        raise EpisodeError(
            f"nothing to learn from: {reasons or 'the run has no images'}; truth comes from a data "
            "set's annotations, or from reviews in `reinspect ui`"
        )
    anomalous = sum(one.truth.anomalous for one in inspections)
    if anomalous in (0, len(inspections)):
        which, other = ("anomalous", "good") if anomalous else ("normal", "defective")
        raise EpisodeError(
            f"all {len(inspections)} images are {which}: a critic would learn to say so always; "
            f"add a run with {other} parts, or review some"
        )


def _categories(inspections: Sequence[LabelledInspection]) -> set[Path]:
    items = (item_at(one.path) for one in inspections)
    return {Path(item.root) for item in items if item and item.root}


def _common(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([file.parent for file in files]))
