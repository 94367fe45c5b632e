"""Pictures of object storage on this machine, for as long as they are inspected."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reinspect.dataset import Item
from reinspect.storage import StorageError, is_url, read
from reinspect.vocabulary import Trace

_AT_ONCE = 8  # downloads


class Fetched:
    """The pictures of one block: those with a URL as files of a folder, all others as they are.

    Nothing that inspects sees where a picture came from; its trace says so again in the end.
    """

    def __init__(self, items: Sequence[Item], folder: Path) -> None:
        self._urls = {item.id: item.path for item in items if is_url(item.path)}
        self._files: dict[str, Path] = {}
        self.items: list[Item] = []
        """What is here, to be inspected."""
        self.lost: list[tuple[Item, str]] = []
        """What could not be had, and why."""
        far = [item for item in items if item.id in self._urls]
        self.items += [item for item in items if item.id not in self._urls]
        if not far:
            return
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{number}{_suffix(item)}" for number, item in enumerate(far)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for item, file, why in zip(far, files, pool.map(_fetch, far, files), strict=True):
                self._files[item.id] = file
                if why is None:
                    self.items.append(item._replace(path=str(file)))
                else:
                    self.lost.append((item, why))

    def named(self, trace: Trace) -> Trace:
        """The trace with the URL in place of the file, wherever it says so; that is deleted."""
        url = self._urls.get(trace.sample.id)
        if url is None:
            return trace
        file = self._files[trace.sample.id]
        file.unlink(missing_ok=True)
        return trace.renamed(str(file), url)  # in errors, too


def _suffix(item: Item) -> str:
    return os.path.splitext(item.id)[1]  # noqa: PTH122 - of an id, not of a path


def _fetch(item: Item, file: Path) -> str | None:
    """Why it could not be had, if so."""
    try:
        with file.open("wb") as target:
            for piece in read(item.path):
                target.write(piece)
    except (OSError, StorageError) as failure:
        file.unlink(missing_ok=True)
        return f"cannot be fetched: {' '.join(str(failure).split())}"
    return None
