"""Pictures of object storage on this machine, for as long as they are inspected."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from reinspect.engine.work import Work
from reinspect.storage import StorageError, is_url, read
from reinspect.vocabulary import Trace

_AT_ONCE = 8  # downloads


class Fetched:
    """The pictures of one block: those with a URL as files of a folder, all others as they are.

    Nothing that inspects sees where a picture came from; its trace says so again in the end.
    """

    def __init__(self, works: Sequence[Work], folder: Path) -> None:
        self._urls = {work.id: work.path for work in works if is_url(work.path)}
        self._files: dict[str, Path] = {}
        self.works: list[Work] = []
        """What is here, to be inspected."""
        self.lost: list[tuple[Work, str]] = []
        """What could not be had, and why."""
        far = [work for work in works if work.id in self._urls]
        self.works += [work for work in works if work.id not in self._urls]
        if not far:
            return
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{number}{_suffix(work)}" for number, work in enumerate(far)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for work, file, why in zip(far, files, pool.map(_fetch, far, files), strict=True):
                self._files[work.id] = file
                if why is None:
                    self.works.append(replace(work, path=str(file)))
                else:
                    self.lost.append((work, why))

    def named(self, trace: Trace) -> Trace:
        """The trace with the URL in place of the file, wherever it says so; that is deleted."""
        url = self._urls.get(trace.sample.id)
        if url is None:
            return trace
        file = self._files[trace.sample.id]
        file.unlink(missing_ok=True)
        # In errors, too. A URL has no character that JSON would write otherwise.
        return Trace.model_validate_json(trace.model_dump_json().replace(str(file), url))


def _suffix(work: Work) -> str:
    return os.path.splitext(work.id)[1]  # noqa: PTH122 - of an id, not of a path


def _fetch(work: Work, file: Path) -> str | None:
    """Why it could not be had, if so."""
    try:
        with file.open("wb") as target:
            for piece in read(work.path):
                target.write(piece)
    except (OSError, StorageError) as failure:
        file.unlink(missing_ok=True)
        return f"cannot be fetched: {' '.join(str(failure).split())}"
    return None
