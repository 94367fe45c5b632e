"""The known-good pictures that a data set, or a folder, gives."""

import os
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset.items import AnyPath, DataError, NotThereError
from reinspect.dataset.layout import product_at
from reinspect.dataset.understood import FolderSet, Layout
from reinspect.dataset.versions import ReferenceVersions, version_at
from reinspect.dataset.walk import Walk, discover
from reinspect.images import one_line, pictures_in
from reinspect.sensing import PLAIN, FileRules


class ReferenceFiles(NamedTuple):
    """Known-good images: for each category that has its own, and for all others."""

    default: list[Path]
    by_category: dict[str, list[Path]]


def known_good(
    category_root: AnyPath, layout: Layout | None = None, rules: FileRules = PLAIN
) -> list[Path]:
    """The known-good images of a category, sorted by name; none where it has none.

    Args:
        category_root: its folder.
        layout: to understand it by; told by what is there by default.
        rules: which files are parts besides pictures and recordings.

    Raises:
        DataError: annotations are not what they should be.
    """
    found = product_at(os.fspath(category_root), layout)
    if isinstance(found, FolderSet):
        return [file for folder in found.train for file in _images_in(Path(folder), rules)]
    if found is None:
        return []
    return [
        Path(file if number == 1 else f"{file}#{number}")
        for file in found.references
        for number in pictures_in(file, rules).numbers
        if number == 1 or f"{file}#{number}" not in found.references
    ]


def references_in(folder: AnyPath, rules: FileRules = PLAIN) -> ReferenceFiles:
    """The known-good images that a folder gives.

    Of a category its known-good images, for everything; of a folder that holds categories the ones
    of each, and what images lie beside them for everything else; of any other folder all images in
    it, at any depth; of a versioned set those of the version that counts, or of the one that is
    named by `SET@3`. Sorted by name.

    Raises:
        NotThereError: there is no such folder.
        DataError: it has no such images.
        VersionsError: the set has no such version, or its record can't be read.
    """
    version = version_at(folder)
    if version is not None:
        return ReferenceFiles(ReferenceVersions(version.folder).files(version.number), {})
    folder = Path(folder)
    if not folder.is_dir():
        raise NotThereError(f"no folder of references at {one_line(str(folder))}")
    if product_at(str(folder), unsplit=False) is not None:
        references = ReferenceFiles(known_good(folder, rules=rules), {})
    else:
        default: list[Path] = []
        roots: dict[str, str] = {}
        for item in discover([folder], rules=rules):
            if item.category is not None and item.root is not None:
                roots[item.category] = item.root
            else:
                default.append(Path(item.path))
        own = {name: known_good(root, rules=rules) for name, root in roots.items()}
        references = ReferenceFiles(
            sorted(default), {k: files for k, files in own.items() if files}
        )
    if not references.default and not references.by_category:
        raise DataError(f"{one_line(str(folder))}: no images in it; give known-good images")
    return references


def _images_in(folder: Path, rules: FileRules) -> list[Path]:
    if not folder.is_dir():
        return []
    walk = Walk(os.path.abspath(folder), (), layout=Layout.PLAIN, rules=rules)  # noqa: PTH100
    return sorted(Path(item.path) for item in walk.below(str(folder)))
