"""Real defects: whole pictures, or with masks; the same page of them as of drawn damage."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset import discover, truth_of
from reinspect.images import UnreadableImage, one_line, read_image, read_mask
from reinspect.qualification.assembling import Example, picture_of
from reinspect.qualification.detection import Trial, extent_of
from reinspect.qualification.findings import DamageExample
from reinspect.qualification.judging import QualificationError, RehearsalJudge
from reinspect.references import digest_of_pixels, evenly_spaced
from reinspect.tools.setup.findings import SetupKind
from reinspect.vocabulary import Label, Probability, Value

MOST = 500
"""Pictures that are looked at, evenly spaced: of more, the others are left out."""

_EXAMPLES = 4
_OTHER = 0.5  # share of pictures of something else from which they are refused


class RealLook(Value):
    """One look at one picture of a real part."""

    picture: str
    kind: str | None
    """Of defect; none for a good part."""
    size: float | None = None
    area: float | None = None
    final: Probability
    setup: str = ""

    @property
    def detected(self) -> bool:
        """Whether the inspection calls it anomalous, or holds it back unjudged."""
        return self.final >= 0.5 or bool(self.setup)


class RealDefects(NamedTuple):
    """What came of pictures of real defects."""

    looks: list[RealLook]
    examples: list[Example]
    notes: list[str]

    @property
    def trials(self) -> list[Trial]:
        """Of those whose size a mask tells."""
        return [
            Trial(
                part=look.picture,
                kind=look.kind or "",
                size=look.size,
                area=look.area,
                probability=look.final,
                detected=look.detected,
            )
            for look in self.looks
            if look.kind is not None and look.size is not None and look.area is not None
        ]


def look_at_defects(
    folder: Path,
    judge: RehearsalJudge,
    *,
    known: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RealDefects:
    """Look at each picture in a folder, or below `test/` of an MVTec-style category.

    All are defective but those that an MVTec-style category calls good. Pictures that are
    references are left out: they are no defects.

    Args:
        folder: of pictures, or a category.
        judge: of the references.
        known: digests of the references' pixels.
        progress: told how many pictures are done, and of how many.

    Raises:
        NotThereError: there is no such folder.
        QualificationError: it holds no picture of a defect, or mostly pictures of something else.
    """
    listed = list(discover([folder]))
    chosen = [listed[place] for place in evenly_spaced(len(listed), MOST)]
    looks: list[RealLook] = []
    pictured: list[tuple[RealLook, Path, Path]] = []
    copies = others = unread = 0
    for number, item in enumerate(chosen):
        progress(number, len(chosen))
        try:
            image, truth = read_image(item.path), truth_of(item)
            digest = digest_of_pixels(image)
            if digest in known:
                copies += 1
                continue
            mask = None
            if truth is not None and truth.mask is not None:
                mask = read_mask(truth.mask)
        except UnreadableImage:
            unread += 1
            continue
        opinion = judge(image, None)
        if any(it.kind is SetupKind.PRODUCT for it in opinion.check.findings):
            others += 1
            continue
        good = truth is not None and truth.label is Label.NORMAL
        kind = None if good else (truth.types[0] if truth and truth.types else "defect")
        size, area = extent_of(mask) if mask is not None and mask.any() else (None, None)
        look = RealLook(
            picture=one_line(item.id),
            kind=kind,
            size=size,
            area=area,
            final=opinion.final,
            setup=opinion.check.reason,
        )
        looks.append(look)
        if truth is not None and truth.mask is not None and size is not None:
            pictured.append((look, Path(item.path), Path(truth.mask)))
    progress(len(chosen), len(chosen))
    where = one_line(str(folder))
    if others > _OTHER * max(1, len(looks) + others):
        raise QualificationError(
            f"{where}: {others} of {len(looks) + others} pictures are not of the product that the "
            "references show: name the folder of its defects"
        )
    if not any(look.kind for look in looks):
        raise QualificationError(f"{where}: no picture of a defect in it{_but(copies, looks)}")
    return RealDefects(
        looks, _examples(pictured), _notes(len(listed), chosen, looks, copies, others, unread)
    )


def _but(copies: int, looks: Sequence[RealLook]) -> str:
    if copies:
        return f", but {copies} of the references themselves"
    return f", but {len(looks)} of good parts" if looks else ""


def _notes(
    listed: int,
    chosen: Sequence[object],
    looks: Sequence[RealLook],
    copies: int,
    others: int,
    unread: int,
) -> list[str]:
    good = sum(look.kind is None for look in looks)
    bare = sum(look.kind is not None and look.size is None for look in looks)
    said = {
        f"{len(chosen)} of {listed} pictures were looked at.": listed - len(chosen),
        f"{good} are of good parts: they count among the false calls.": good,
        f"{bare} defects have no mask: they are counted, and have no size.": bare,
        f"{copies} are references, and left out.": copies,
        f"{others} are not of this product, and left out.": others,
        f"{unread} can't be read, and are left out.": unread,
    }
    return [line for line, count in said.items() if count]


def _examples(pictured: Sequence[tuple[RealLook, Path, Path]]) -> list[Example]:
    """Nearest to the threshold, found and missed."""
    made = []
    for detected in (True, False):
        at_limit = sorted(
            (it for it in pictured if it[0].detected is detected),
            key=lambda it: abs(it[0].final - 0.5),
        )
        for number, (look, image, mask) in enumerate(at_limit[:_EXAMPLES]):
            example = DamageExample(
                picture=f"{'found' if detected else 'missed'}-{number}.jpg",
                kind=look.kind or "",
                size=look.size or 1,
                probability=look.final,
                detected=detected,
            )
            made.append(Example(example, picture_of(read_image(image), read_mask(mask))))
    return made
