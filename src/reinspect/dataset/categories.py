"""Where in a data set a picture belongs."""

import os
from pathlib import Path

from reinspect.dataset.items import AnyPath, DataError, Item, NotThereError
from reinspect.dataset.layout import product_at
from reinspect.dataset.truth import part_of
from reinspect.dataset.walk import Walk
from reinspect.images import UnreadableImage, one_line, sha256_of
from reinspect.vocabulary import Sample, View


def sample_at(path: AnyPath, *, id: str, category: str | None = None) -> Sample:  # noqa: A002
    """The sample in one file, hashed but not decoded.

    Raises:
        UnreadableImage: the file can't be read, or its name is no text.
    """
    sha256 = sha256_of(path)
    text = os.fspath(path)
    if not _is_text(text):
        raise UnreadableImage(path, "its name is not valid UTF-8", "rename the file")
    return Sample(id=id, category=category, views=(View(path=text, sha256=sha256),))


def item_at(path: AnyPath) -> Item | None:
    """The item of a file below some category's `test/`; none if it lies in no category."""
    file = Path(os.path.abspath(path))  # noqa: PTH100 - keeps links as named
    for folder in file.parents:
        found = Item(file.relative_to(folder).as_posix(), str(file), folder.name, str(folder))
        if product_at(str(folder), unsplit=False) is not None and part_of(found) is not None:
            return found
    return None


def categories(root: AnyPath) -> dict[str, Path]:
    """Category → its folder, of a category or of a folder that holds some, in natural order.

    Raises:
        NotThereError: there is no such folder.
        DataError: it holds no category.
    """
    if not Path(root).is_dir():
        raise NotThereError(f"no folder at {one_line(os.fspath(root))}")
    walk = Walk(os.path.abspath(root), (), categories_only=True)  # noqa: PTH100
    found = {item.category: Path(item.path) for item in walk.below(os.fspath(root))}
    if not found:
        raise DataError(
            f"{one_line(os.fspath(root))}: no MVTec-style category, nor another known data set "
            "(docs/data.md); a category has train/good and test/<defect>"
        )
    return {name: folder for name, folder in found.items() if name is not None}


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
