"""The runs of a server, one after the other, as versions of its references come to count."""

import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from reinspect.api.intake import Judging
from reinspect.cost import RunCost
from reinspect.dataset import ReferenceVersion
from reinspect.errors import ReinspectError
from reinspect.runs.plan import RunPlan, newer_than
from reinspect.runs.resume import of_its_line, taken_up
from reinspect.runs.session import Outlet, Session
from reinspect.store import Status, Store
from reinspect.trace import Trace

PAUSE = 0.5
"""Seconds between two looks at which version counts."""

LATER = 30.0
"""Seconds until a version that can't judge is tried again."""


class ServedRuns:
    """The run that pictures go into now; a `Renewal` of an intake, and a sink that adds up costs.

    A run is of one version. When another one is activated, what is in hand is judged by the former
    one; its run ends, and the next begins beside it. One that can't judge is told of, and changes
    nothing.

    Args:
        plan: of the first run; one that was resumed goes on by the version that counts now.
        place: that its references were named by.
        outlet: takes verdicts from the store to elsewhere.
        say: is told what people should know, in one line.

    Raises:
        UsageError, RecipeError: the plan can't be carried out.
        StoreError: the store can't be read.
    """

    def __init__(
        self,
        plan: RunPlan,
        place: object,
        outlet: Outlet | None = None,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        if plan.resume and plan.references.origin:
            with Store.open(plan.store, create=False) as store:
                plan = taken_up(store, plan)
        self._newer = newer_than(plan.references, place)
        self._outlet, self._say = outlet, say
        self._next: Session | None = Session(plan)
        self._asked = 0.0
        self._cost, self._running = RunCost(), False
        self._held, self._told = contextlib.ExitStack(), contextlib.ExitStack()
        self.inspected = 0
        """Pictures that the runs had when they ended."""

    def __enter__(self) -> Self:
        self.session = self._entered()
        self.store = self.session.store
        self._next = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        with self._held, self._told:
            pass

    def __call__(self, trace: Trace, /) -> None:
        self._cost(trace)

    @property
    def earlier(self) -> list[int]:
        """The runs before this one, oldest first.

        Raises:
            StoreError: the store can't be read.
        """
        line = reversed(of_its_line(self.store, self.session.plan))
        return [run.id for run in line if run.id != self.session.run.id]

    def begin(self) -> Judging:
        """Say that work begins."""
        session, self._running = self.session, True
        session.take_up()
        kept = None
        if self._outlet is not None:
            kept = self._told.enter_context(self._outlet(session.store, session.run))
        return Judging(session.context, session.run.id, kept)

    def due(self) -> bool:
        """Whether another version counts, and can judge."""
        if self._newer is None or time.monotonic() < self._asked:
            return False
        self._asked = time.monotonic() + PAUSE
        if not self._newer():
            return False
        try:
            plan = self.session.plan.renewed()
            self._next = Session(plan) if plan else None
        except ReinspectError as failure:
            self._say(f"the version that counts now can't judge: {failure}")
            self._asked = time.monotonic() + LATER
        return self._next is not None

    def judging(self) -> Judging:
        """End the run, and begin the next one."""
        if self._running:
            self.end(Status.DONE)
        if self.session is not self._next:
            self.session, self._cost = self._entered(), RunCost()
            version = ReferenceVersion.parse(self.session.plan.references.origin)
            self._newer = newer_than(self.session.plan.references, version and version.folder)
            self._say(f"References: {version} counts now; going on in {self.session.plan.out}")
        now = self.begin()
        self._next = None
        return now

    def end(self, status: Status) -> None:
        """Close the run's row."""
        counters = self._cost.add_to(self.session.run.counters)
        tally = self.session.finish(status, counters)
        self._told.close()
        self.inspected += tally.images
        self._running = False

    def _entered(self) -> Session:
        assert self._next is not None
        return self._held.enter_context(self._next)
