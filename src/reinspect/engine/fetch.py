"""Pictures of object storage on this machine, for as long as they are inspected."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from reinspect.dataset import Item
from reinspect.storage import StorageError, is_url, read
from reinspect.trace import Trace

_AT_ONCE = 8  # downloads


@dataclass(frozen=True, slots=True)
class Fetched:
    """Images to inspect, those of object storage as files of this machine.

    Nothing that inspects sees where a picture came from; its trace says so again in the end.
    """

    items: tuple[Item, ...]
    """What is here, to be inspected."""
    lost: tuple[tuple[Item, str], ...]
    """What could not be had, and why."""
    copies: Mapping[str, tuple[str, Path]]
    """Id → URL and file, of what was fetched."""

    def release(self, trace: Trace) -> Trace:
        """Delete an image's copy; the trace with the URL wherever it names that, in errors too."""
        if trace.sample.id not in self.copies:
            return trace
        url, file = self.copies[trace.sample.id]
        file.unlink(missing_ok=True)
        return trace.renamed(str(file), url)


def fetch(items: Sequence[Item], folder: Path) -> Fetched:
    """Copy the images that have a URL to a folder; all others stay where they are."""
    far = [item for item in items if is_url(item.path)]
    here = [item for item in items if not is_url(item.path)]
    if not far:
        return Fetched(tuple(here), (), {})
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number}{_suffix(item)}" for number, item in enumerate(far)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        faults = list(pool.map(_fetch_one, far, files))
    arrived = list(zip(far, files, faults, strict=True))
    here += [item._replace(path=str(file)) for item, file, why in arrived if why is None]
    return Fetched(
        items=tuple(here),
        lost=tuple((item, why) for item, _, why in arrived if why is not None),
        copies={item.id: (item.path, file) for item, file, _ in arrived},
    )


def _suffix(item: Item) -> str:
    return os.path.splitext(item.id)[1]  # noqa: PTH122 - of an id, not of a path


def _fetch_one(item: Item, file: Path) -> str | None:
    """Why it could not be had, if so."""
    try:
        with file.open("wb") as target:
            for piece in read(item.path):
                target.write(piece)
    except (OSError, StorageError) as failure:
        file.unlink(missing_ok=True)
        return f"cannot be fetched: {' '.join(str(failure).split())}"
    return None
