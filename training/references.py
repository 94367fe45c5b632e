"""The known-good pictures of inspected parts: nothing is learned from them or measured on them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from reinspect.dataset import is_of, item_at, known_good, references_in
from reinspect.errors import ReinspectError
from reinspect.graph.recipe import Recipe, RecipeError, parse_recipe
from reinspect.images import sha256_of
from reinspect.store import Run
from reinspect.training.known import KnownInspection


class ReferencesError(ReinspectError, ValueError):
    """Known-good pictures that are named and can't be had."""


class KnownReferences:
    """The known-good pictures of each part: those named, else the recipe's, else the category's."""

    def __init__(self, given: Path | None = None) -> None:
        self._given = given
        self._files: dict[str, tuple[Path, ...]] = {}  # by content
        self._hashes: dict[Path, str] = {}
        self._known: set[str] = set()

    def of(self, part: KnownInspection) -> tuple[Path, ...]:
        """Its known-good pictures, by content; their own copies of it left out.

        Raises:
            ReferencesError: a folder of references is missing or empty.
        """
        return tuple(file for file in self._all_of(part) if self.hash(file) != part.sha256)

    def hash(self, file: Path) -> str:
        """Of the file's bytes, looked up once."""
        if file not in self._hashes:
            self._hashes[file] = sha256_of(file)
        return self._hashes[file]

    def __contains__(self, part: KnownInspection) -> bool:
        """Whether the picture is itself one of them."""
        self._all_of(part)
        return part.sha256 in self._known

    def _all_of(self, part: KnownInspection) -> tuple[Path, ...]:
        root, category = _root(part.path), part.category or ""
        key = f"{part.run.id}\n{category}\n{root}\n{part.view or ''}"
        if key not in self._files:
            found = sorted(self._found(part, category, root), key=self.hash)
            self._files[key] = tuple(found)
            self._known.update(map(self.hash, found))
        return self._files[key]

    def _found(self, part: KnownInspection, category: str, root: Path | None) -> tuple[Path, ...]:
        recipe = _recipe_of(part.run)
        rules = None if part.view is None else recipe.views.get(part.view)
        alone = rules.references if rules and not self._given else None
        named = self._given or (Path(alone) if alone else _named(recipe, category))
        if named is None:
            files = list(known_good(root)) if root else []
        else:
            try:
                found = references_in(named)
            except (ValueError, OSError) as failure:
                raise ReferencesError(
                    f"{failure} (references of run {part.run.name!r})"
                ) from failure
            files = list(found.by_category.get(category, found.default))
        if rules and part.view and not alone:
            files = [file for file in files if is_of(str(file), part.view, rules.files)]
        return tuple(file.absolute() for file in files)


def choose(files: Sequence[Path], sha256: str, count: int, *, seed: int) -> tuple[Path, ...]:
    """Choose so many of a picture's references, always the same ones for the same picture."""
    if not files or not count:
        return ()
    rng = np.random.default_rng([seed, int(sha256[:12], 16)])
    picked = rng.choice(len(files), size=min(count, len(files)), replace=False)
    return tuple(files[i] for i in picked)


def _root(path: Path) -> Path | None:
    item = item_at(path)
    return Path(item.root) if item and item.root else None


def _recipe_of(run: Run) -> Recipe:
    try:
        return parse_recipe(run.recipe)
    except RecipeError as failure:
        raise ReferencesError(f"run {run.name!r}: {failure}") from failure


def _named(recipe: Recipe, category: str) -> Path | None:
    """The folder of references that a recipe names for a category."""
    named = recipe.references
    if isinstance(named, Mapping):
        return Path(named[category]) if category in named else None
    return Path(named) if named else None
