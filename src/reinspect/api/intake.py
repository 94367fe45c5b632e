"""Between the door and the workers: a bounded queue, and a row for everything that was accepted."""

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from reinspect.api.spool import Entry, Spool, Ticket
from reinspect.dataset import Item, ReferenceVersion, ViewFile
from reinspect.engine.local import attend
from reinspect.graph.build import BuildContext
from reinspect.references import ReferenceSets
from reinspect.roles import Sink
from reinspect.store import Store, StoreError
from reinspect.store.rows import Row
from reinspect.store.writer import Writer
from reinspect.trace import Trace

TICK = 0.02
"""Seconds that a picture may wait for a free worker to be noticed, while others are in hand."""


PAUSE = 0.5
"""Seconds between two tries of a store that can't be written."""

_SINGLE, _BATCH, _LAST = range(3)  # somebody waits for a single picture


_WARMING = "warming up"


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is taken on at once, and how long things may take."""

    workers: int = 1
    queue: int = 256
    """Pictures that are accepted and not finished."""
    image_seconds: float = 120.0
    """That one picture may take; the first includes learning its references."""
    drain_seconds: float = 30.0
    """After which a server that is told to stop leaves the rest to the next one."""


@dataclass(frozen=True, slots=True)
class Judging:
    """Who judges what is taken from now on."""

    context: BuildContext
    run_id: int
    """Which has the rows."""
    kept: Callable[[], object] | None = None
    """Is called when some are stored; without, they go into no outbox."""


class Renewal(Protocol):
    """Tells when somebody else is to judge: another version of the references counts."""

    def due(self) -> bool:
        """Whether it is so; what judges then can be had, and nothing was written."""
        ...

    def judging(self) -> Judging:
        """Who judges from now on; called between two parts, when the rows of all before are stored.

        Raises:
            StoreError: the store can't be written; asked again, it goes on.
        """
        ...


class JudgedRow(NamedTuple):
    """The row of a picture, and by what it was judged."""

    row: Row
    run_id: int
    references: str | None
    """`SET@3` of a versioned set."""


class Intake:
    """Takes what was accepted through the graph into the store. Its own thread does the work.

    Verdicts go into the run's outbox, too, where somebody is to be told of them by `kept`.

    Args:
        context: what the graph is built from.
        store: of the runs.
        run_id: which has the rows.
        spool: of what is accepted.
        pace: how much at once, how long.
        sinks: are shown each trace, after the store.
        kept: is called when some are stored.
        renewal: tells when somebody else is to judge.
        earlier: runs whose pictures may be asked for, too; oldest first.

    Raises:
        StoreError: the store can't be read.
    """

    def __init__(
        self,
        context: BuildContext,
        store: Store,
        run_id: int,
        spool: Spool,
        pace: Pace,
        sinks: Sequence[Sink] = (),
        kept: Callable[[], object] | None = None,
        renewal: Renewal | None = None,
        earlier: Sequence[int] = (),
    ) -> None:
        self.store, self.spool = store, spool
        self._judging, self._renewal = Judging(context, run_id, kept), renewal
        self._renewing = False
        self._pace, self._sinks = pace, sinks
        self._runs = {key: store.run_of(key) for key in (*earlier, run_id)}
        self._queue: queue.PriorityQueue[tuple[int, int, Item | None]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._taken = 0  # reserved or accepted, and not finished
        self._open: dict[UUID, tuple[Ticket, Future[JudgedRow]]] = {}
        self._left: dict[UUID, int] = {}  # ticket → pictures without a row
        self._warming = _warming(context, pace.workers)
        self._cold = len(self._warming)
        self._inside = 0  # given to the workers and not come back
        self._unkept: list[Trace] = []  # come back, and not in the store yet
        self._deadline: float | None = None
        self._fault: str | None = None
        self._nap = None if renewal is None else PAUSE  # while nothing comes
        self.died: str | None = None
        """Why the workers are gone for good, though nobody told the server to stop."""
        self.on_death: Callable[[], object] = lambda: None
        """Is called then: a supervisor starts a process anew only if it ends."""
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Take up what an earlier server left, then whatever comes."""
        for ticket in self.spool.unfinished():
            self._resume(ticket)
        self.spool.tidy({image[:36] for run in self._runs for image, _ in self.store.done(run)})
        self._thread.start()

    def close(self) -> None:
        """Stop: finish what is accepted, as far as time allows."""
        self._deadline = time.monotonic() + self._pace.drain_seconds
        self._queue.put((_LAST, next(self._numbers), None))
        self._thread.join()
        self.spool.close()

    @property
    def run_id(self) -> int:
        """The run that has the rows of what is judged now."""
        return self._judging.run_id

    @property
    def references(self) -> ReferenceSets:
        """What judges now."""
        return self._judging.context.references

    @property
    def folders(self) -> tuple[str, ...]:
        """Where its pictures lie, those of earlier runs too."""
        own = (run.folder for run in list(self._runs.values()) if run.folder)
        return tuple(dict.fromkeys([str(self.spool.folder), *own]))

    def row(self, key: str) -> JudgedRow | None:
        """The row of a picture by its id; None where there is none yet.

        Raises:
            StoreError: the store can't be read.
        """
        for run_id in reversed(list(self._runs)):
            row = self.store.row_of(run_id, key)
            if row is not None:
                return self._judged(row, run_id)
        return None

    def rows(self, images: Sequence[str]) -> dict[str, JudgedRow]:
        """The rows of those that have one.

        Raises:
            StoreError: the store can't be read.
        """
        return {
            image: self._judged(row, run_id)
            for run_id in list(self._runs)
            for image, row in self.store.rows_of(run_id, images).items()
        }

    def _judged(self, row: Row, run_id: int) -> JudgedRow:
        named = ReferenceVersion.parse(self._runs[run_id].versions.get("references", ""))
        known = f"{os.path.basename(named.folder)}@{named.number}" if named else None  # noqa: PTH119
        return JudgedRow(row, run_id, known)

    @property
    def left(self) -> int:
        """Pictures that are accepted and have no row yet."""
        return len(self._open)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be accepted now; none where it can."""
        if self._deadline is not None:
            return "the server is stopping"
        if self._fault is not None:
            return self._fault
        if not self._thread.is_alive():
            return "the workers have stopped"
        if self._taken >= self._pace.queue:
            return f"{self._taken} pictures are waiting already"
        return None

    @property
    def cold(self) -> bool:
        """Whether the workers are still learning their references."""
        return self._cold > 0

    @property
    def room(self) -> int:
        """Pictures that may be accepted and not finished."""
        return self._pace.queue

    @property
    def ready(self) -> bool:
        """Whether a picture would be taken now, and inspected at once."""
        return self.trouble is None and not self.cold

    @property
    def unpublished(self) -> int:
        """Verdicts that somebody is to be told of, and has not been yet.

        Raises:
            StoreError: the store can't be read.
        """
        now = self._judging
        return 0 if now.kept is None else self.store.outbox(now.run_id).waiting

    def reserve(self, pictures: int) -> bool:
        """Keep room for pictures that are about to be accepted, if there is room."""
        with self._lock:
            if self.trouble or self._taken + pictures > self._pace.queue:
                return False
            self._taken += pictures
            return True

    def release(self, pictures: int) -> None:
        """Give back room."""
        with self._lock:
            self._taken -= pictures

    def submit(self, ticket: Ticket) -> list["Future[JudgedRow]"]:
        """Queue what was accepted, single pictures before batches; its room was reserved."""
        return self._enter(ticket, ticket.entries)

    def waiting(self, key: UUID) -> Entry | None:
        """A picture that has no row yet."""
        found = self._open.get(key)
        if found is None:
            return None
        return next(entry for entry in found[0].entries if entry.id == key)

    def _enter(self, ticket: Ticket, entries: Sequence[Entry]) -> list["Future[JudgedRow]"]:
        answers: list[Future[JudgedRow]] = [Future() for _ in entries]
        with self._lock:
            self._left[ticket.id] = len(entries)
            for entry, answer in zip(entries, answers, strict=True):
                answer.set_running_or_notify_cancel()  # who waits may go, the work goes on
                self._open[entry.id] = (ticket, answer)
        urgency = _BATCH if ticket.batch else _SINGLE
        for entry in entries:
            item = self.spool.item(entry, ticket.category)
            self._queue.put((urgency, next(self._numbers), item))
        return answers

    def _resume(self, ticket: Ticket) -> None:
        kept = self.rows([entry.image for entry in ticket.entries])
        rest = [entry for entry in ticket.entries if entry.image not in kept]
        if rest:
            with self._lock:
                self._taken += len(rest)
            self._enter(ticket, rest)
        else:
            self.spool.finish(ticket)

    def _run(self) -> None:
        try:
            self._judge(self._judging)
            while self._renewing:
                self._renew()
        except Exception as failure:  # noqa: BLE001 - told at /ready; a thread has no caller
            self._fault = " ".join(f"{type(failure).__name__}: {failure}".split())
        if self._deadline is None:
            self.died = self._fault or "they ended"
            self.on_death()

    def _judge(self, by: Judging) -> None:
        """Judge what comes, until the server stops or somebody else is to judge."""
        pace = self._pace
        with self.store.writer(by.run_id, by.kept) as writer:
            for trace in attend(
                self._arriving(),
                by.context,
                workers=pace.workers,
                timeout=pace.image_seconds,
                tick=TICK,
            ):
                if trace is not None:
                    self._inside -= 1
                    if trace.sample.id == _WARMING:
                        self._cold -= 1
                        continue
                    self._unkept.append(trace)
                if self._unkept:
                    self._keep(writer, trace)
            while self._renewing and self._unkept and self._deadline is None:
                self._keep(writer, None)

    def _renew(self) -> None:
        """Let somebody else judge; what waits keeps waiting meanwhile."""
        self._renewing = False
        while self._renewal is not None and self._deadline is None:
            try:
                now = self._renewal.judging()
                self._runs = {**self._runs, now.run_id: self.store.run_of(now.run_id)}
            except StoreError as failure:
                self._fault = str(failure)
                time.sleep(PAUSE)
                continue
            self._fault, self._judging = None, now
            self._warming = _warming(now.context, self._pace.workers)
            self._cold = len(self._warming)
            self._judge(now)
            return

    def _keep(self, writer: Writer, trace: Trace | None) -> None:
        """Put what has come back into the store; only then is anybody told."""
        try:
            if trace is not None:
                writer.write(trace)
            writer.flush()
        except StoreError as failure:  # the writer keeps it for the next try
            self._fault = str(failure)
            time.sleep(PAUSE)
            return
        self._fault = None
        kept, self._unkept = self._unkept, []
        for done in kept:
            for sink in self._sinks:
                sink(done)
            self._settle(done)

    def _settle(self, trace: Trace) -> None:
        with self._lock:
            ticket, answer = self._open.pop(UUID(trace.sample.id[:36]))
            self._taken -= 1
            self._left[ticket.id] -= 1
            if not self._left[ticket.id]:
                del self._left[ticket.id]
                self.spool.finish(ticket)
        answer.set_result(self._judged(Row.of(trace), self.run_id))

    def _arriving(self) -> Iterator[Item | None]:
        """What there is to do, None for nothing at the moment."""
        yield None  # the workers start before there is work
        for known_good in self._warming:
            self._inside += 1
            yield known_good
        while True:
            if self._deadline is not None and time.monotonic() >= self._deadline:
                return
            idle = not self._inside and not self._unkept
            if self._renewal is not None and not self._unkept and self._renewal.due():
                self._renewing = True
                return
            try:
                if self._unkept:  # the store is at fault: no more until it takes these
                    raise queue.Empty
                item = self._queue.get(block=idle, timeout=self._nap)[2]
            except queue.Empty:
                yield None
                continue
            if item is None:
                return
            self._inside += 1
            yield item


def _warming(context: BuildContext, workers: int) -> list[Item]:
    """A known-good picture a category and worker, whose verdict nobody keeps.

    A model is not asked: that would cost.
    """
    if context.recipe.asking:
        return []
    if context.recipe.views:
        first = [
            ViewFile(name, sets.default.files[0])
            for name, sets in context.references.views.items()
            if sets.default.files
        ]
        shown = [Item(_WARMING, first[0].path, views=tuple(first))] if first else []
        return [item for item in shown for _ in range(workers)]
    known = context.references
    sets = [(None, known.default), *known.by_category.items()]
    shown = [Item(_WARMING, own.files[0], name) for name, own in sets if own.files]
    return [item for item in shown for _ in range(workers)]
