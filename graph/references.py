"""Which references judge what: named by the caller, by the recipe, by the data set, or none."""

import contextlib
import itertools
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset import MANIFEST, DataError, Item, is_of, known_good, references_in
from reinspect.graph.recipe import PictureRules, Recipe
from reinspect.images import UnreadableImage, load, one_line, scale_of, sha256_of
from reinspect.references import (
    ALONE,
    ReferenceMode,
    ReferenceSet,
    ReferenceSets,
    digest_of_pixels,
    learned_threshold,
)
from reinspect.vocabulary import Scale

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

    Where the recipe names views, each has such references of its own: those of these files that are
    of the view, else all in a folder that the recipe names for it.

    Raises:
        FileNotFoundError: a folder of references does not exist.
        ValueError: it holds no images.
        UnreadableImage: a reference can't be read.
        LearnedThresholdError: the file beside the references is no threshold.
    """
    if not recipe.views:
        return _sets(items, recipe, given, first, draw)
    parts = list(items)
    views = {}
    for name, view in recipe.views.items():
        mine = [own for part in parts if (own := part.of_view(name)) is not None]
        rules = recipe.of_view(name).model_copy(
            update={"references": view.references or recipe.references}
        )
        folder = None if view.references else given
        keep = None if view.references else _Keep(name, view.files)
        try:
            views[name] = _sets(mine, rules, folder, first, draw, keep)
        except DataError as failure:
            raise DataError(f"view {name}: {failure}") from failure
    return ReferenceSets(views=views)


def _sets(
    items: Iterable[Item],
    recipe: Recipe,
    given: Path | None,
    first: int | None,
    draw: int,
    keep: "_Keep | None" = None,
) -> ReferenceSets:
    """The references of parts with one picture, or of one view: of files that match `keep`."""
    rules = recipe.pictures
    named = _named(recipe, given, keep)
    if named is not None:
        return named
    listed = sorted(items, key=lambda item: item.category or "")
    by_category: dict[str, ReferenceSet] = {}
    default = rules.applied_to(ALONE)
    for category, group in itertools.groupby(listed, key=lambda item: item.category or ""):
        members = list(group)
        files = (
            _some(_kept(known_good(members[0].root, members[0].layout), keep), first, draw)
            if members[0].root
            else []
        )
        own = _read(files, rules) if files else _sampled(members, rules)
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


class _Keep(NamedTuple):
    """Which files of a folder are a view's references."""

    view: str
    pattern: str | None

    def __str__(self) -> str:
        return f"match {self.pattern!r}" if self.pattern else f"are of it by a {MANIFEST}"


def _kept(files: Iterable[Path], keep: "_Keep | None") -> list[Path]:
    """The files that match a pattern."""
    return [file for file in files if keep is None or is_of(str(file), *keep)]


def _named(recipe: Recipe, given: Path | None, keep: "_Keep | None" = None) -> ReferenceSets | None:
    if given is None and isinstance(recipe.references, Mapping):
        folders = {name: Path(folder) for name, folder in recipe.references.items()}
        sets = {name: _flat(folder, recipe.pictures, keep) for name, folder in folders.items()}
        return ReferenceSets(recipe.pictures.applied_to(ALONE), sets)
    if given is None and isinstance(recipe.references, str):
        given = Path(recipe.references)
    if given is None:
        return None
    found = references_in(given)
    rules = recipe.pictures
    default = _kept(found.default, keep)
    each = {name: _kept(files, keep) for name, files in found.by_category.items()}
    each = {name: files for name, files in each.items() if files}
    if not default and not each:
        raise DataError(f"{one_line(str(given))}: no references {keep}")
    own = _read(default, rules) if default else rules.applied_to(ALONE)
    return ReferenceSets(
        own.with_threshold(learned_threshold(given)),
        {name: _read(files, rules) for name, files in each.items()},
    )


def _flat(folder: Path, rules: PictureRules, keep: "_Keep | None") -> ReferenceSet:
    found = references_in(folder)
    files = _kept([*found.default, *itertools.chain(*found.by_category.values())], keep)
    if not files:
        raise DataError(f"{one_line(str(folder))}: no references {keep}")
    own = _read(files, rules)
    return own.with_threshold(learned_threshold(folder))


def _read(files: Iterable[Path], rules: PictureRules) -> ReferenceSet:
    every = list(files)
    limit = rules.max_pixels
    scale = rules.scale or scale_of(every, max_pixels=limit)
    hashes, pixels = {}, {}
    for file in reversed(every):
        loaded = load(file, scale=scale, max_pixels=limit)
        hashes[loaded.sha256] = str(file)
        pixels[loaded.sha256] = digest_of_pixels(loaded.pixels)
    return _ordered(ReferenceMode.GOLDEN, hashes, pixels, scale, limit)


def _sampled(items: Iterable[Item], rules: PictureRules) -> ReferenceSet:
    """A fixed sample of the items themselves: the first so many by content hash.

    Unreadable ones are passed over here; each gets its own row with its error.
    """
    hashes: dict[str, str] = {}
    for item in items:
        with contextlib.suppress(UnreadableImage):
            hashes[sha256_of(item.path)] = item.path
    limit = rules.max_pixels
    sound = ((name, file) for name, file in sorted(hashes.items()) if _decodes(file, limit))
    chosen = dict(itertools.islice(sound, FOLDER_SAMPLE))
    if len(chosen) < 2:
        return rules.applied_to(ALONE)
    scale = rules.scale or scale_of(chosen.values(), max_pixels=limit)
    pixels = {
        name: digest_of_pixels(load(file, scale=scale, max_pixels=limit).pixels)
        for name, file in chosen.items()
    }
    return _ordered(ReferenceMode.FOLDER, chosen, pixels, scale, limit)


def _decodes(file: str, max_pixels: int) -> bool:
    try:
        load(file, max_pixels=max_pixels)
    except UnreadableImage:
        return False
    return True


def _ordered(
    mode: ReferenceMode,
    hashes: Mapping[str, str],
    pixels: Mapping[str, str],
    scale: Scale | None,
    max_pixels: int,
) -> ReferenceSet:
    """By their pixels, so that neither names, copies nor formats of files change a verdict."""
    ordered = sorted(hashes.items(), key=lambda item: (pixels[item[0]], item[0]))
    return ReferenceSet(
        mode,
        files=tuple(file for _, file in ordered),
        hashes=tuple(name for name, _ in ordered),
        scale=scale,
        max_pixels=max_pixels,
    )
