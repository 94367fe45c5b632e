"""Parts with several views whose files arrive one by one: each is taken when all are there."""

import time
from collections.abc import Iterable, Iterator

from reinspect.dataset import Item, Patterns, part_of_files, place_of
from reinspect.runs.remaining import Done, contents_of, hash_of, of_fewer_views

VIEW_TIMEOUT = 60.0
"""Seconds that a part waits for its other views, from its first one on."""


class ArrivingParts:
    """The parts of files as these become whole; says `None` while there is nothing new.

    A part whose views are not all there when its time is up is taken with those that are; when
    another arrives later, it is taken anew, in place of what was made of fewer.

    Args:
        files: as they arrive, None among them where nothing has.
        patterns: view → the pattern of its files.
        done: what was inspected before.
        limit: parts to take at most.
        timeout: seconds from a part's first view on.

    Raises:
        DataError: a file is of two views, or a table beside it can't be used.
    """

    def __init__(
        self,
        files: Iterable[Item | None],
        patterns: Patterns,
        *,
        done: Done = frozenset(),
        limit: int | None = None,
        timeout: float = VIEW_TIMEOUT,
    ) -> None:
        self._files, self._patterns = files, patterns
        self._done, self._limit, self._timeout = contents_of(done), limit, timeout
        self._seen: dict[str, dict[str, Item]] = {}
        self._due: dict[str, float] = {}
        """Part that waits → when its time is up, the first one first."""
        self.replaces: dict[str, str] = {}
        """Id of a part → content of what was made of fewer of its views."""

    def __iter__(self) -> Iterator[Item | None]:
        given = 0
        for file in self._files:
            fresh = [
                part for part in (*self._arrived(file), *self._overdue()) if self._is_new(part)
            ]
            for part in fresh:
                yield part
                given += 1
                if given == self._limit:
                    return
            if not fresh:
                yield None

    def _arrived(self, file: Item | None) -> Iterator[Item]:
        """The part that a file makes whole."""
        place = None if file is None else place_of(file, self._patterns)
        if file is None or place is None:
            return
        key, view, _ = place
        views = self._seen.setdefault(key, {})
        was_taken = bool(views) and key not in self._due
        views[view] = file
        if was_taken or len(views) == len(self._patterns):
            self._due.pop(key, None)
            yield part_of_files(key, views, self._patterns)
        else:
            self._due.setdefault(key, time.monotonic() + self._timeout)

    def _overdue(self) -> Iterator[Item]:
        now = time.monotonic()
        for key in [key for key, due in self._due.items() if due <= now]:
            del self._due[key]
            yield part_of_files(key, self._seen[key], self._patterns)

    def _is_new(self, part: Item) -> bool:
        content, known = hash_of(part), self._done.setdefault(part.id, set())
        if content in known:
            return False
        fewer = of_fewer_views(part, known)
        if fewer is not None:
            self.replaces[part.id] = fewer
        known.add(content)
        return True
