"""Pictures of object storage on this machine, for as long as they are inspected."""

import posixpath
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
    copies: Mapping[str, tuple[tuple[str, Path], ...]]
    """Id → URL and file of each picture that was fetched."""

    def release(self, trace: Trace) -> Trace:
        """Delete a part's copies; the trace with the URL wherever it names one, in errors too."""
        for url, file in self.copies.get(trace.sample.id, ()):
            file.unlink(missing_ok=True)
            trace = trace.renamed(str(file), url)
        return trace


def fetch(items: Sequence[Item], folder: Path) -> Fetched:
    """Copy the pictures that have a URL to a folder; all others stay where they are.

    A part with several views is lost where one of them can't be had.
    """
    far = [item for item in items if is_url(item.path)]
    here = [item for item in items if not is_url(item.path)]
    if not far:
        return Fetched(tuple(here), (), {})
    folder.mkdir(parents=True, exist_ok=True)
    urls = dict.fromkeys(url for item in far for url in item.files.values())
    files = {url: folder / f"{number}{_suffix(url)}" for number, url in enumerate(urls)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        faults = dict(zip(urls, pool.map(_fetch_one, files, files.values()), strict=True))
    lost = []
    for item in far:
        said = [
            f"{view}: {why}" if view else why
            for view, url in item.files.items()
            if (why := faults[url])
        ]
        if said:
            lost.append((item, "; ".join(said)))
        else:
            here.append(_moved(item, files))
    return Fetched(
        items=tuple(here),
        lost=tuple(lost),
        copies={item.id: tuple((url, files[url]) for url in item.files.values()) for item in far},
    )


def _moved(item: Item, files: Mapping[str, Path]) -> Item:
    views = tuple(view._replace(path=str(files[view.path])) for view in item.views)
    return item._replace(path=str(files[item.path]), views=views)


def _suffix(url: str) -> str:
    return posixpath.splitext(unquote(urlsplit(url).path))[1]


def _fetch_one(url: str, file: Path) -> str | None:
    """Why it could not be had, if so."""
    try:
        with file.open("wb") as target:
            for piece in read(url):
                target.write(piece)
    except (OSError, StorageError) as failure:
        file.unlink(missing_ok=True)
        return f"cannot be fetched: {' '.join(str(failure).split())}"
    return None
