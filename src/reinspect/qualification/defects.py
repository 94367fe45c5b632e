"""Real defects: whole pictures, or with masks; the same page of them as of drawn damage."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset import Item, Patterns, discover, parts_of, truth_of
from reinspect.images import Pixels, UnreadableImage, one_line, read_image, read_mask
from reinspect.qualification.assembling import EXAMPLES, Example, at_limit, picture_of
from reinspect.qualification.detection import Trial
from reinspect.qualification.judging import QualificationError, RehearsalJudge
from reinspect.qualification.looks import PartLook
from reinspect.references import ReferenceSet, digest_of_pixels, evenly_spaced
from reinspect.tools.setup.findings import SetupKind
from reinspect.vocabulary import Label

MOST = 500
"""Pictures that are looked at, evenly spaced: of more, the others are left out."""

_NAMED = 3  # pictures of a line
_OTHER = 0.5  # share of pictures of something else from which they are refused

_COPIES = "are references, and left out"
_OTHERS = "are not of this product, and left out"
_UNREAD = "can't be read, and are left out"
_UNMARKED = "are of defective parts, and no mask says which view shows the defect: left out"
_LEFT_OUT = (_COPIES, _OTHERS, _UNREAD, _UNMARKED)


class OfOneView(NamedTuple):
    """Which pictures of parts with several views are looked at."""

    view: str
    patterns: Patterns
    """Of all views."""


class RealDefects(NamedTuple):
    """What came of pictures of real defects."""

    looks: list[PartLook]
    examples: list[Example]
    notes: list[str]

    @property
    def trials(self) -> list[Trial]:
        """Of those whose size a mask tells."""
        return [look.trial for look in self.looks if look.trial is not None]


def look_at_defects(
    folder: Path,
    judge: RehearsalJudge,
    *,
    known: Sequence[str],
    read: ReferenceSet,
    only: OfOneView | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RealDefects:
    """Look at each picture in a folder, or below `test/` of an MVTec-style category.

    All are defective but those that an MVTec-style category calls good. Pictures that are
    references are left out: they are no defects.

    Args:
        folder: of pictures, or a category.
        judge: of the references.
        known: digests of the references' pixels.
        read: the references, as which pictures are read.
        only: of parts with several views, the one to look at.
        progress: told how many pictures are done, and of how many.

    Raises:
        NotThereError: there is no such folder.
        QualificationError: it holds no picture of a defect, or mostly pictures of something else.
        DataError: a file is of two views.
    """
    files = list(discover([folder], rules=read.rules))
    listed = _pictures(files, only) if only else [_Picture(file, file) for file in files]
    chosen = [listed[place] for place in evenly_spaced(len(listed), MOST)]
    seen: list[_Seen] = []
    left_out: Counter[str] = Counter()
    for number, picture in enumerate(chosen):
        progress(number, len(chosen))
        found = _look(picture, judge, known, read)
        if isinstance(found, _Seen):
            seen.append(found)
        else:
            left_out[found] += 1
    progress(len(chosen), len(chosen))
    looks, others = [it.look for it in seen], left_out[_OTHERS]
    where = one_line(str(folder))
    if others > _OTHER * max(1, len(looks) + others):
        raise QualificationError(
            f"{where}: {others} of {len(looks) + others} pictures are not of the product that the "
            "references show: name the folder of its defects"
        )
    if not any(look.kind for look in looks):
        why = _but(left_out[_COPIES], looks)
        raise QualificationError(f"{where}: no picture of a defect in it{why}")
    return RealDefects(
        looks, _examples(seen, read), _notes(len(listed), len(chosen), looks, left_out)
    )


class _Picture(NamedTuple):
    item: Item
    part: Item
    """The same, where the part has one picture."""
    view: str | None = None


def _pictures(files: Sequence[Item], only: OfOneView) -> list[_Picture]:
    """Those of the view; all, where no file is of any: then the folder is of this view alone."""
    parts = parts_of(files, only.patterns).parts
    seen = ((part.of_view(only.view), part) for part in parts)
    found = [
        _Picture(item, part, only.view) if len(part.views) > 1 else _Picture(item, item)
        for item, part in seen
        if item is not None
    ]
    return found if parts else [_Picture(file, file) for file in files]


def _image(path: str | Path, read: ReferenceSet) -> Pixels:
    return read_image(path, scale=read.scale, max_pixels=read.max_pixels, rules=read.rules)


class _Seen(NamedTuple):
    look: PartLook
    picture: Path
    mask: Path | None
    """Where one tells the size."""


def _look(
    picture: _Picture, judge: RehearsalJudge, known: Sequence[str], read: ReferenceSet
) -> _Seen | str:
    """One picture looked at, or why it is left out."""
    item = picture.item
    try:
        image, truth = _image(item.path, read), truth_of(picture.part)
        if truth is not None and picture.view is not None:
            truth = truth.of_view(picture.view)
            if truth is None:
                return _UNMARKED
        if digest_of_pixels(image) in known:
            return _COPIES
        drawn = truth.mask if truth is not None else None
        mask = read_mask(drawn) if drawn is not None else None
    except UnreadableImage:
        return _UNREAD
    opinion = judge(image, None)
    if any(it.kind is SetupKind.PRODUCT for it in opinion.held_back):
        return _OTHERS
    good = truth is not None and truth.label is Label.NORMAL
    kind = None if good else (truth.types[0] if truth and truth.types else "defect")
    if mask is None or not mask.any():
        return _Seen(opinion.as_look(one_line(item.id), kind), Path(item.path), None)
    look = opinion.as_look(one_line(item.id), kind, mask=mask)
    return _Seen(look, Path(item.path), Path(drawn) if drawn is not None else None)


def _but(copies: int, looks: Sequence[PartLook]) -> str:
    if copies:
        return f", but {copies} of the references themselves"
    return f", but {len(looks)} of good parts" if looks else ""


def _notes(
    listed: int, chosen: int, looks: Sequence[PartLook], left_out: Mapping[str, int]
) -> list[str]:
    good = sum(look.kind is None for look in looks)
    bare = sum(look.kind is not None and look.size is None for look in looks)
    said = {
        f"{chosen} of {listed} pictures were looked at.": listed - chosen,
        f"{good} are of good parts: they count among the false calls.": good,
        f"{bare} defects have no mask: they are counted, and have no size.": bare,
    }
    usual = [it.part for it in looks if it.kind is not None and it.z < 0 and not it.detected]
    named = ", ".join(usual[:_NAMED]) + (" …" if len(usual) > _NAMED else "")
    asked = "where they are good parts, put them into test/good of a category"
    said[f"{len(usual)} look no stranger than references ({named}): {asked}."] = len(usual)
    said |= {f"{left_out.get(why, 0)} {why}.": left_out.get(why, 0) for why in _LEFT_OUT}
    return [line for line, count in said.items() if count]


def _examples(seen: Sequence[_Seen], read: ReferenceSet) -> list[Example]:
    """Nearest to the threshold, found and missed."""
    made = []
    for detected in (True, False):
        pictured = [it for it in seen if it.mask is not None and it.look.detected is detected]
        for number, one in enumerate(at_limit(pictured, lambda it: it.look)[:EXAMPLES]):
            if one.mask is not None:
                picture = picture_of(_image(one.picture, read), read_mask(one.mask))
                made.append(Example.of(one.look, number, picture))
    return made
