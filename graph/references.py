"""Which references judge what: named by the caller, by the recipe, by the data set, or none."""

import contextlib
import itertools
import random
from collections.abc import Iterable, Mapping
from pathlib import Path

from reinspect.dataset import Item, known_good, references_in
from reinspect.graph.recipe import Recipe
from reinspect.images import UnreadableImage, load, sha256_of
from reinspect.references import (
    ALONE,
    ReferenceMode,
    ReferenceSet,
    ReferenceSets,
    digest_of_pixels,
    learned_threshold,
)

FOLDER_SAMPLE = 32
"""Images of a folder that serve as its references when it has no others."""


def reference_sets(
    items: Iterable[Item],
    recipe: Recipe,
    *,
    given: Path | None = None,
    first: int | None = None,
    draw: int = 0,
) -> ReferenceSets:
    """The references of a run, each read once to make sure that it can be.

    In this order: the folder `given` by the caller, the recipe's `references`, `train/good` of an
    MVTec-style category (`first` so many of it: by name, or as `draw` draws them). What has none
    of these is its own reference: a fixed sample of its images, chosen by content.

    Raises:
        FileNotFoundError: a folder of references does not exist.
        ValueError: it holds no images.
        UnreadableImage: a reference can't be read.
        LearnedThresholdError: the file beside the references is no threshold.
    """
    named = _named(recipe, given)
    if named is not None:
        return named
    listed = sorted(items, key=lambda item: item.category or "")
    by_category: dict[str, ReferenceSet] = {}
    default = ALONE
    for category, group in itertools.groupby(listed, key=lambda item: item.category or ""):
        members = list(group)
        files = _some(known_good(members[0].root), first, draw) if members[0].root else []
        own = _read(ReferenceMode.GOLDEN, files) if files else _sampled(members)
        if category:
            by_category[category] = own
        else:
            default = own
    return ReferenceSets(default, by_category)


def _some(files: list[Path], count: int | None, draw: int) -> list[Path]:
    """The first so many, or, for any draw but 0, so many at random, in their order."""
    if count is None or draw == 0 or count >= len(files):
        return files[:count]
    places = random.Random(draw).sample(range(len(files)), count)
    return [files[place] for place in sorted(places)]


def _named(recipe: Recipe, given: Path | None) -> ReferenceSets | None:
    if given is None and isinstance(recipe.references, Mapping):
        folders = {name: Path(folder) for name, folder in recipe.references.items()}
        sets = {name: _flat(folder) for name, folder in folders.items()}
        return ReferenceSets(by_category=sets)
    if given is None and isinstance(recipe.references, str):
        given = Path(recipe.references)
    if given is None:
        return None
    found = references_in(given)
    own = _read(ReferenceMode.GOLDEN, found.default) if found.default else ALONE
    return ReferenceSets(
        own.with_threshold(learned_threshold(given)),
        {name: _read(ReferenceMode.GOLDEN, files) for name, files in found.by_category.items()},
    )


def _flat(folder: Path) -> ReferenceSet:
    found = references_in(folder)
    own = _read(
        ReferenceMode.GOLDEN, [*found.default, *itertools.chain(*found.by_category.values())]
    )
    return own.with_threshold(learned_threshold(folder))


def _read(mode: ReferenceMode, files: Iterable[Path]) -> ReferenceSet:
    hashes, pixels = {}, {}
    for file in reversed(list(files)):
        loaded = load(file)
        hashes[loaded.sha256] = str(file)
        pixels[loaded.sha256] = digest_of_pixels(loaded.pixels)
    return _ordered(mode, hashes, by=pixels)


def _sampled(items: Iterable[Item]) -> ReferenceSet:
    """A fixed sample of the items themselves: the first so many by content hash.

    Unreadable ones are passed over here; each gets its own row with its error.
    """
    hashes: dict[str, str] = {}
    for item in items:
        with contextlib.suppress(UnreadableImage):
            hashes[sha256_of(item.path)] = item.path
    sound = ((name, file) for name, file in sorted(hashes.items()) if _decodes(file))
    chosen = dict(itertools.islice(sound, FOLDER_SAMPLE))
    return _ordered(ReferenceMode.FOLDER, chosen) if len(chosen) > 1 else ALONE


def _decodes(file: str) -> bool:
    try:
        load(file)
    except UnreadableImage:
        return False
    return True


def _ordered(
    mode: ReferenceMode, hashes: Mapping[str, str], *, by: Mapping[str, str] | None = None
) -> ReferenceSet:
    """By content, so that neither names nor copies change a verdict.

    By the pixels, where they are known, so that the format of the files changes none either.
    """
    order = by or {}
    ordered = sorted(hashes.items(), key=lambda item: (order.get(item[0], ""), item[0]))
    return ReferenceSet(
        mode, files=tuple(file for _, file in ordered), hashes=tuple(name for name, _ in ordered)
    )
