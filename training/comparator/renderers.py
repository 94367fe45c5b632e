"""Processes that render what the eye learns from, beside the training; the dead are replaced."""

from __future__ import annotations

import multiprocessing
from multiprocessing.process import BaseProcess
from pathlib import Path

from reinspect.training.comparator.parts import shard_file, write_shards

_TRIES = 3  # deaths while one shard is waited for


class Renderers:
    """Render shards from the first that is needed until the block ends.

    Process `n` of `count` renders every `count`-th shard.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        first: int,
        *,
        count: int = 1,
        until: int = 10**6,
        ahead: int = 48,
    ) -> None:
        self._folder, self._seed, self._first = folder, seed, first
        self._until, self._ahead = until, ahead
        self._workers: list[BaseProcess | None] = [None] * count
        self._deaths: dict[int, int] = {}

    def __enter__(self) -> Renderers:
        for place in range(len(self._workers)):
            self._start(place, self._first + place)
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            if worker is not None:
                worker.terminate()
                worker.join()

    def tend(self, needed: int) -> None:
        """Start anew what died (killed for memory, say) before it rendered shard `needed`.

        Raises:
            ChildProcessError: it keeps dying.
        """
        for place, worker in enumerate(self._workers):
            if worker is None or not worker.exitcode:  # it runs, or has rendered all it had to
                continue
            deaths = self._deaths[needed] = self._deaths.get(needed, 0) + 1
            if deaths >= _TRIES:
                raise ChildProcessError(
                    f"{shard_file(self._folder, needed)}: its renderer died {deaths} times, "
                    f"the last time with exit status {worker.exitcode}"
                )
            count = len(self._workers)
            self._start(place, needed + (self._first + place - needed) % count)

    def _start(self, place: int, first: int) -> None:
        indices = range(first, self._until, len(self._workers))
        worker = multiprocessing.get_context("spawn").Process(
            target=_render_on,
            args=(self._folder, self._seed, indices, self._ahead),
            daemon=True,
        )
        worker.start()
        self._workers[place] = worker


def _render_on(folder: Path, seed: int, indices: range, ahead: int) -> None:
    write_shards(folder, seed, iter(indices), ahead=ahead)
