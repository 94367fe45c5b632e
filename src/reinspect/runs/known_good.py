"""What is to be known of the references before parts are judged by them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from reinspect.agents.detector import EmbeddedDetector
from reinspect.engine.work import single_threaded
from reinspect.graph.build import BuildContext
from reinspect.images import one_line
from reinspect.references import (
    THRESHOLDS,
    ReferenceMode,
    ReferenceSet,
    ReferenceSets,
    digest_of_pixels,
)
from reinspect.tools.embedded import near_copies
from reinspect.tools.expert import Expert
from reinspect.tools.features.first import FirstLook
from reinspect.tools.fits import PictureFiles
from reinspect.tools.setup import references as checks
from reinspect.tools.setup.references import ReferenceNote

_NAMED = 3  # files of a line


def said_of_references(context: BuildContext) -> tuple[str, ...]:
    """One line for each thing that is amiss: none, too few, copies, two products, an odd one, …

    That they are compared by learned filters, for want of the default features, is another.

    None is amiss where others have some: another category, another view of the same parts. The
    fits that it takes are those of the inspection, which finds them in the cache. Nothing is said
    where no references are given, or another detector than the embedded one judges.

    Raises:
        UnreadableImage: a reference can't be read any more.
        RecipeError: the features that the recipe names can't be had here.
    """
    if context.recipe.views:
        views = context.views.items()
        said = [f"{name}: {line}" for name, own in views for line in said_of_references(own)]
        return (*said, *_without({name: own.references for name, own in views}))
    if context.recipe.detector.kind != EmbeddedDetector.about.name:
        return ()
    sets = {"": context.references.default, **context.references.by_category}
    with single_threaded():  # as those that judge make their fits
        said = [
            _line(name, note, own.files)
            for name, own in sets.items()
            if own.mode is ReferenceMode.GOLDEN
            for note in _notes(own, context.experts.first, context.cache)
        ]
    notice = context.experts.first.notice
    if notice and any(own.mode is ReferenceMode.GOLDEN for own in sets.values()):
        said.insert(0, f"First look: {notice}")
    said += [_unused(name) for name, own in sets.items() if _of_others(own)]
    return (*said, *_without({"": context.references}))


def _of_others(own: ReferenceSet) -> bool:
    """Whether a threshold lies beside the references that was learned with others."""
    if own.mode is not ReferenceMode.GOLDEN or own.threshold is not None:
        return False
    return any((folder / THRESHOLDS).is_file() for folder in {Path(f).parent for f in own.files})


def _unused(category: str) -> str:
    of = f" of {one_line(category)}" if category else ""
    return (
        f"References{of}: {THRESHOLDS} beside them was learned with others, and doesn't count; "
        "`reinspect commission` learns it anew"
    )


def _without(sets: Mapping[str, ReferenceSets]) -> Sequence[str]:
    """Of which view or category there are none, where others of them have some."""
    golden, bare = False, []
    for view, own in sets.items():
        each = {"": own.default, **own.by_category}
        golden |= any(one.mode is ReferenceMode.GOLDEN for one in each.values())
        bare += [
            " of ".join(one_line(name) for name in (view, category) if name)
            or "what is in no category"
            for category, one in each.items()
            if one.mode is ReferenceMode.FOLDER
        ]
    told = "none, so that its pictures are compared with each other"
    return [f"References of {name}: {told}" for name in bare] if golden else []


def _notes(own: ReferenceSet, first: FirstLook, cache: Path | None) -> Sequence[ReferenceNote]:
    images = PictureFiles.of(own)
    if first.network is None:
        looks = np.stack([near_copies.look(image) for image in images])
        return checks.notes(looks, near_copies.distinct(looks), None, None)
    expert = Expert(own, cache, first)
    fit = expert.features_of(first.network, pose=first.pose)
    if len(fit.pictures) == 1:  # all others are its stand-ins, or its copies
        return expert.scene_of(first.network).references_report(None)
    scores = [float(z) for z in fit.calibration.left_out()]
    if len(fit.pictures) < len(images):  # exact copies have one score
        scores = [scores[fit.pictures.index(digest_of_pixels(image))] for image in images]
    return expert.scene_of(first.network).references_report(scores)


def _line(category: str, note: ReferenceNote, files: Sequence[str]) -> str:
    of = f" of {one_line(category)}" if category else ""
    names = [one_line(Path(files[place]).name) for place in note.references]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    listed = f": {', '.join(names[:_NAMED])}{more}" if names else ""
    return f"References{of}: {note.words}{listed}"
