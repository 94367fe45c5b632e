"""Which references judge what: named by the caller, by the recipe, by the data set, or none."""

import contextlib
import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset import (
    MANIFEST,
    DataError,
    Item,
    is_of,
    known_good,
    references_in,
    version_at,
)
from reinspect.graph.reading import ReadingRules
from reinspect.graph.recipe import Recipe
from reinspect.images import (
    Reading,
    UnreadableImage,
    address_of,
    load,
    one_line,
    reading_of,
    sha256_of,
    size_of,
    tile_path,
    tiles_of,
)
from reinspect.references import (
    ALONE,
    ReferenceMode,
    ReferenceSet,
    ReferenceSets,
    digest_of_pixels,
    evenly_spaced,
    learned_threshold,
)

MOST_TILES = 96
"""Tiles of references that are compared with, evenly spaced over all of them."""

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
    origins = {own.origin for own in views.values()}
    return ReferenceSets(views=views, origin=origins.pop() if len(origins) == 1 else "")


def _sets(
    items: Iterable[Item],
    recipe: Recipe,
    given: Path | None,
    first: int | None,
    draw: int,
    keep: "_Keep | None" = None,
) -> ReferenceSets:
    """The references of parts with one picture, or of one view: of files that match `keep`."""
    rules = recipe.reading
    named = _named(recipe, given, keep)
    if named is not None:
        return named
    listed = sorted(items, key=lambda item: item.category or "")
    by_category: dict[str, ReferenceSet] = {}
    default = rules.applied_to(ALONE)
    for category, group in itertools.groupby(listed, key=lambda item: item.category or ""):
        members = list(group)
        files = (
            _some(
                _kept(known_good(members[0].root, members[0].layout, rules.files), keep),
                first,
                draw,
            )
            if members[0].root
            else []
        )
        own = reference_set(files, rules) if files else _sampled(members, rules)
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
        sets = {name: _flat(folder, recipe.reading, keep) for name, folder in folders.items()}
        return ReferenceSets(recipe.reading.applied_to(ALONE), sets)
    if given is None and isinstance(recipe.references, str):
        given = Path(recipe.references)
    if given is None:
        return None
    rules, version = recipe.reading, version_at(given)
    # By its number, so that what counts meanwhile is not taken in its place.
    place = f"{version.folder}@{version.number}" if version else given
    found = references_in(place, rules.files)
    default = _kept(found.default, keep)
    each = {name: _kept(files, keep) for name, files in found.by_category.items()}
    each = {name: files for name, files in each.items() if files}
    if not default and not each:
        raise DataError(f"{one_line(str(given))}: no references {keep}")
    own = reference_set(default, rules) if default else rules.applied_to(ALONE)
    return ReferenceSets(
        own.with_threshold(learned_threshold(given)),
        {name: reference_set(files, rules) for name, files in each.items()},
        origin=str(version or given.absolute()),
    )


def _flat(folder: Path, rules: ReadingRules, keep: "_Keep | None") -> ReferenceSet:
    found = references_in(folder, rules.files)
    files = _kept([*found.default, *itertools.chain(*found.by_category.values())], keep)
    if not files:
        raise DataError(f"{one_line(str(folder))}: no references {keep}")
    own = reference_set(files, rules)
    return own.with_threshold(learned_threshold(folder))


def reference_set(files: Iterable[Path], rules: ReadingRules) -> ReferenceSet:
    """Known-good pictures, each read once, as the references of one category.

    Raises:
        UnreadableImage: one can't be read.
    """
    every = list(files)
    limit = rules.max_pixels
    reading = reading_of(every, rules=rules.files, given=rules.scale, max_pixels=limit)
    hashes, pixels = {}, {}
    for file in reversed(_tiled(every, rules)):
        loaded = load(file, scale=reading.scale, max_pixels=limit, rules=reading.rules)
        hashes[loaded.sha256] = str(file)
        pixels[loaded.sha256] = digest_of_pixels(loaded.pixels)
    return _ordered(ReferenceMode.GOLDEN, hashes, pixels, reading, limit)


def _tiled(files: Sequence[Path], rules: ReadingRules) -> list[str]:
    """The same pictures, large ones in tiles where the recipe says so; of very many some.

    Tiles don't overlap: a left-out one would find a part of itself in others. Those of one file
    follow each other: it is decoded once.
    """
    if rules.tile is None:
        return [str(file) for file in files]
    places = [
        (str(file), tile, len(tiles) > 1)
        for file in files
        for tiles in [tiles_of(size_of(file, max_pixels=rules.max_pixels), rules.tile, overlap=0)]
        for tile in tiles
    ]
    chosen = [places[place] for place in evenly_spaced(len(places), MOST_TILES)]
    return [tile_path(file, tile) if cut else file for file, tile, cut in chosen]


def _sampled(items: Iterable[Item], rules: ReadingRules) -> ReferenceSet:
    """A fixed sample of the items themselves: the first so many by content hash.

    Unreadable ones are passed over here; each gets its own row with its error.
    """
    hashes: dict[str, str] = {}
    for item in items:
        with contextlib.suppress(UnreadableImage):
            hashes[sha256_of(item.path)] = item.path
    limit = rules.max_pixels
    kinds: dict[bool, dict[str, str]] = {False: {}, True: {}}
    for name, file in sorted(hashes.items()):
        is_heard = _is_heard(file, rules)
        if is_heard is None:
            continue
        kinds[is_heard][name] = file
        if len(kinds[is_heard]) == FOLDER_SAMPLE:
            break
    chosen = max(kinds.values(), key=len)  # the others' rows say that they are of another kind
    if len(chosen) < 2:
        return rules.applied_to(ALONE)
    reading = reading_of(chosen.values(), rules=rules.files, given=rules.scale, max_pixels=limit)
    pixels = {
        name: digest_of_pixels(
            load(file, scale=reading.scale, max_pixels=limit, rules=reading.rules).pixels
        )
        for name, file in chosen.items()
    }
    return _ordered(ReferenceMode.FOLDER, chosen, pixels, reading, limit)


def _is_heard(file: str, rules: ReadingRules) -> bool | None:
    """Whether a file is a recording; None where it can't be read."""
    try:
        loaded = load(file, max_pixels=rules.max_pixels, rules=rules.files)
    except UnreadableImage:
        return None
    return loaded.spectrogram is not None


def _ordered(
    mode: ReferenceMode,
    hashes: Mapping[str, str],
    pixels: Mapping[str, str],
    reading: Reading,
    max_pixels: int,
) -> ReferenceSet:
    """By their pixels, so that neither names, copies nor formats of files change a verdict.

    Tiles stay beside those of their own picture, which then is decoded once a pass.
    """
    leading: dict[str, str] = {}
    for name, file in hashes.items():
        whole = address_of(file).whole
        leading[whole] = min(pixels[name], leading.get(whole, pixels[name]))

    def place(item: tuple[str, str]) -> tuple[str, str, str]:
        name, file = item
        return leading[address_of(file).whole], pixels[name], name

    ordered = sorted(hashes.items(), key=place)
    return ReferenceSet(
        mode,
        files=tuple(file for _, file in ordered),
        hashes=tuple(name for name, _ in ordered),
        scale=reading.scale,
        max_pixels=max_pixels,
        rules=reading.rules,
    )
