"""The references of one product, as they are rehearsed: copies once, and what is amiss said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.graph.recipe import Recipe
from reinspect.graph.references import reference_sets
from reinspect.images import one_line
from reinspect.qualification.findings import OddReference
from reinspect.qualification.judging import QualificationError
from reinspect.references import ReferenceMode, ReferenceSet, ReferenceSets
from reinspect.tools.embedded import near_copies
from reinspect.tools.embedded.features import Floats
from reinspect.tools.fits import PictureFiles
from reinspect.tools.setup import references as checks
from reinspect.tools.setup.product import Product
from reinspect.tools.setup.references import ReferenceFault


class ProductReferences(NamedTuple):
    """Of one product, each of its parts once."""

    product: str
    given: int
    """Files that were given."""
    key: str
    """Of the set as it was given, copies and all: what an inspection compares with."""
    set: ReferenceSet
    looks: npt.NDArray[np.uint8]
    """(k, n) by `near_copies.look`, in the set's order."""

    @property
    def names(self) -> list[str]:
        """Of the files."""
        return [one_line(Path(file).name) for file in self.set.files]

    @property
    def images(self) -> PictureFiles:
        """Read when they are asked for."""
        return PictureFiles.of(self.set)


def references_of(folder: Path, recipe: Recipe, view: str | None = None) -> ProductReferences:
    """The references in a folder, or in `train/good` of an MVTec-style category.

    Copies, and pictures that hardly differ, count once: one that vouches for another makes the
    inspection look better than it is.

    Args:
        folder: theirs.
        recipe: of the inspection.
        view: of a recipe with several: which the references are for.

    Raises:
        NotThereError: there is no such folder.
        DataError: it holds no images.
        UnreadableImage: one can't be read.
        QualificationError: they are of several products, or only one is left.
    """
    sets = _sets(folder, recipe, view)
    own = list(sets.by_category.items())
    chosen, product = sets.default, _name_of(folder)
    if chosen.mode is not ReferenceMode.GOLDEN and len(own) == 1:
        product, chosen = own[0]
    elif own:
        some = ", ".join(name for name, _ in own[:4])
        raise QualificationError(
            f"{one_line(str(folder))}: references of several products ({some}): "
            "name the folder of one"
        )
    looks = np.stack([near_copies.look(image) for image in PictureFiles.of(chosen)])
    kept = near_copies.distinct(looks)
    if len(kept) < 2:
        what = "one reference" if len(chosen.files) == 1 else f"{len(chosen.files)} copies of one"
        raise QualificationError(
            f"{one_line(str(folder))}: {what}: left out, there is nothing to compare it with; give "
            f"two or more known-good pictures, {checks.ENOUGH} say more"
        )
    distinct = replace(
        chosen,
        files=tuple(chosen.files[place] for place in kept),
        hashes=tuple(chosen.hashes[place] for place in kept),
    )
    return ProductReferences(product, len(chosen.files), chosen.key, distinct, looks[kept])


def odd_references(
    references: ProductReferences,
    owners: Sequence[int],
    scores: Sequence[float],
    grids: Sequence[Floats] | None,
) -> list[OddReference]:
    """References that are unlike the others.

    Args:
        references: all.
        owners: those that were looked at.
        scores: z of each of these, left out.
        grids: features of each of these, where there are any.
    """
    wholes = Product.learn(grids).wholes if grids else None
    names = references.names
    found: dict[str, str] = {}
    looked = references.looks[list(owners)]
    for note in checks.notes(looked, range(len(owners)), wholes, scores):
        if note.fault not in (ReferenceFault.ODD, ReferenceFault.PRODUCTS):
            continue
        for place in note.references:
            why = _WHY[note.fault]
            if note.fault is ReferenceFault.ODD:
                why = f"{why} (z {scores[place]:.1f}; the others' median {np.median(scores):.1f})"
            found.setdefault(names[owners[place]], why)
    return [OddReference(name=name, why=why) for name, why in found.items()]


_WHY = {
    ReferenceFault.ODD: "strange beside the others: maybe defective",
    ReferenceFault.PRODUCTS: "looks like another product than most",
}


def _sets(folder: Path, recipe: Recipe, view: str | None) -> ReferenceSets:
    if view is None and not recipe.views:
        return reference_sets([], recipe, given=folder)
    if view is None or view not in recipe.views:
        known = ", ".join(recipe.views)
        raise QualificationError(
            f"the recipe has the views {known}: name one with --view"
            if known
            else f"the recipe has no view {view!r}: it names none"
        )
    rules = recipe.views[view]
    if rules.references is not None:  # a folder of its own: all in it is of this view
        return reference_sets([], recipe.of_view(view), given=folder)
    alone = recipe.model_copy(update={"views": {view: rules}})
    return reference_sets([], alone, given=folder).views[view]


def _name_of(folder: Path) -> str:
    """What the product is called: of `…/flange/train/good`, flange."""
    parts = folder.absolute().parts
    if parts[-2:] == ("train", "good") and len(parts) > 2:
        return one_line(parts[-3])
    return one_line(parts[-1])
