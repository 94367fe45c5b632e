"""What was understood of a data set, in a line a product: said before any figure."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from natsort import natsorted

from reinspect.census import printable
from reinspect.dataset.folders import pictures_below
from reinspect.dataset.items import Item
from reinspect.dataset.layout import product_at
from reinspect.dataset.references import known_good
from reinspect.dataset.truth import Unread, boxes_of_no_part, inverted, part_of, said_of_unread
from reinspect.dataset.understood import FolderSet, LabelledPart, ProductSet
from reinspect.images import UnreadableImage, address_of, read_mask
from reinspect.vocabulary import Label

_KINDS = 4
"""Kinds of defect that are named."""


def understood(items: Iterable[Item], *, thoroughly: bool = False) -> Iterator[str]:
    """A line for each product among items: its layout, counts, what is odd about it.

    Args:
        items: that were listed.
        thoroughly: whether masks are read, too, which takes its time.

    Raises:
        DataError: annotations are not what they should be.
    """
    for root, group in itertools.groupby(items, key=lambda item: item.root):
        members = list(group)
        found = None if root is None else product_at(root, members[0].layout)
        if found is not None:
            each = [_pictures_of(member) for member in members]
            parts = [own for own in each if own]
            unknown = [own for own in each if not own or own[0].label is None]
            name = members[0].category or found.root
            yield _line(name, found, parts, len(unknown), thoroughly=thoroughly)


def _pictures_of(item: Item) -> list[LabelledPart]:
    """What is known of each picture of a part, the defective ones first."""
    own = [item.of_view(view.name) for view in item.views] or [item]
    parts = [part for one in own if one is not None and (part := part_of(one)) is not None]
    return sorted(parts, key=lambda part: (part.label is not Label.ANOMALOUS, not part.masks))


def _line(
    name: str,
    found: ProductSet,
    each: list[list[LabelledPart]],
    unknown: int,
    *,
    thoroughly: bool,
) -> str:
    references = len(known_good(found.root, found.layout))
    parts = [pictures[0] for pictures in each]
    good = sum(part.label is Label.NORMAL for part in parts)
    bad = [part for part in parts if part.label is Label.ANOMALOUS]
    kinds = Counter(part.kind for part in bad)
    named = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(_KINDS))
    rest = len(bad) - sum(count for _, count in kinds.most_common(_KINDS))
    more = f", of other kinds {rest}" if rest else ""
    masked = sum(bool(part.masks) for part in bad)
    boxed = sum(bool(part.boxes) for part in bad)
    said = f"{name}: {found.layout} ({_where(found)}): {references} references, "
    said += f"{good} good, {len(bad)} defective"
    said += f" ({named}{more}), {masked} with masks" if bad else ""
    said += f", {boxed} with boxes" if boxed else ""
    masks = {mask for pictures in each for picture in pictures for mask in picture.masks}
    odd = [*_odd(found, bad, masks, masked or boxed, unknown)]
    odd += _of_masks(masks) if thoroughly else ()
    return printable("; ".join([said, *found.notes, *odd]))


def _of_masks(masks: set[str]) -> Iterator[str]:
    unread: list[Unread] = []
    blank = []
    for mask in natsorted(masks):
        try:
            if not read_mask(mask).any():
                blank.append(mask)
        except UnreadableImage as failure:
            unread.append(failure)
    yield from said_of_unread(unread)
    if blank:
        yield f"{len(blank)} masks set nothing ({Path(blank[0]).name} …)"


def _where(found: ProductSet) -> str:
    if not isinstance(found, FolderSet):
        return found.source
    folders = (*found.train, *found.tests, *found.truths)
    return ", ".join(Path(own).relative_to(found.root).as_posix() for own in folders)


def _odd(
    found: ProductSet, bad: list[LabelledPart], masks: set[str], marked: int, unknown: int
) -> Iterator[str]:
    if unknown:
        yield f"{unknown} pictures of which it says nothing"
    bare = [part for part in bad if not part.masks and not part.boxes]
    if bare and marked:
        yield f"{len(bare)} defective ones without a mask ({Path(bare[0].path).name} …)"
    masked = {address_of(part.path).file: address_of(part.path).page for part in bad if part.masks}
    later = {at.file for part in bare if (at := address_of(part.path)).page > 1}
    if short := [file for file in later if masked.get(file) == 1]:
        yield f"masks of {len(short)} files are of their first pages alone"
    turned = {Path(mask).parent.name for mask in masks if inverted(mask)}
    if turned:
        yield f"masks in {', '.join(sorted(turned))} are inverted: black is taken for defective"
    if isinstance(found, FolderSet):
        used = [Path(address_of(mask).file) for mask in masks]
        whole = {path for path in used if path.is_dir()}
        known = {*used, *whole}
        every = [Path(file) for truth in found.truths for file in pictures_below(truth)]
        alone = [file for file in every if file not in known and file.parent not in whole]
        if alone:
            yield f"{len(alone)} masks without a picture ({alone[0].name} …)"
        if loose := boxes_of_no_part(found.root, [part.path for part in bad]):
            yield f"{len(loose)} entries of boxes.json are of no defective part ({loose[0]} …)"
