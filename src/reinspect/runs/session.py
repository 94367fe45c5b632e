"""One run of a plan: begun or resumed, carried out, finished."""

import contextlib
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from reinspect.cost import RunCost
from reinspect.dataset import Item, Unread, said_of_unread, truth_of
from reinspect.files import write_file
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import dump_recipe
from reinspect.images import one_line
from reinspect.roles import Sink
from reinspect.runs.alarm import Expectation, alarm_of
from reinspect.runs.counters import COUNTERS, is_whole, of_sessions, write_counters
from reinspect.runs.defaults import UsageError, usage_errors
from reinspect.runs.known_good import said_of_references
from reinspect.runs.limits import Ending, RunLimits, interruptible
from reinspect.runs.plan import RunPlan
from reinspect.runs.resources import MemorySampler
from reinspect.runs.resume import (
    changed,
    done_before,
    fingerprint,
    marked,
    other_versions,
    versions,
)
from reinspect.runs.sources import Feed, census_of
from reinspect.store import Run, RunInfo, Status, Store, Tally, UnknownRunError, Writer
from reinspect.trace import Trace
from reinspect.vocabulary import Truth

_T = TypeVar("_T")

Truths = Mapping[str, Truth]
"""Id of an image → what its data set says of it."""

Outlet = Callable[[Store, Run], contextlib.AbstractContextManager[Callable[[], object]]]
"""Takes verdicts from the store to elsewhere, while it is open: given the store and the run, what
is to be called whenever some were stored."""


PROBE = ".writable"
"""File by which we see that a folder can be written."""

_WHOLE = (Ending.DONE, Ending.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    run_id: int
    """Its key in the store."""
    name: str
    tally: Tally
    """How its images came out, those of earlier sessions too."""
    ending: Ending
    resumed: int
    """Images that were inspected before."""
    inspected: int
    """Images that were inspected now."""
    nothing_new: bool
    """Whether all that was listed had been inspected before."""
    wall_seconds: float
    cost: RunCost
    """What models were asked, and what that cost."""
    setup_alarm: str
    """Whether so many pictures of another set-up, or so many FAIL, can't be chance: one line."""
    unread_masks: tuple[str, ...] = ()
    """Which masks of the data set can't be read, which boxes lie outside: a line each."""

    @property
    def interrupted(self) -> bool:
        """Whether there may be something left to do."""
        return self.ending not in _WHOLE


def run(
    plan: RunPlan,
    sinks: Sequence[Sink] = (),
    *,
    started: Callable[[int | None], object] | None = None,
    noted: Callable[[Sequence[str]], object] | None = None,
    outlet: Outlet | None = None,
    told: Callable[[Sequence[Trace]], object] | None = None,
) -> RunResult:
    """Inspect all images of a plan, and write the run's folder, on Ctrl-C too.

    Args:
        plan: what, by whom, and where to.
        sinks: are shown each trace as it arrives, after the store.
        started: is told how many images are left to inspect as the work begins; None where nobody
            knows.
        noted: is told before what is amiss with the references, a line each; without, nobody asks.
        outlet: takes verdicts from the store to elsewhere.
        told: is given traces when they are stored.

    Raises:
        UsageError: the folder is not empty, or the run to resume is of another recipe, references …
        RecipeError: a component of the recipe can't be made.
        ClusterError: Ray can't be reached; nothing was written.
        StoreError: the store can't be opened or written.
    """
    start = time.perf_counter()
    cost, ending, seen = RunCost(), Ending.DONE, 0
    with MemorySampler() as memory, Session(plan) as session:
        feed = plan.source.feed(done_before(session.store, session.run.id, plan))
        kept = None if outlet is None else session.hold(outlet(session.store, session.run))
        if feed.total != 0:
            session.hold(plan.engine.ready(session.context))
        if session.new or feed.total != 0 or not is_whole(session.run, plan.out):
            session.take_up(feed)
            if noted is not None and feed.total != 0:
                noted((*session.said_of_versions, *session.said_of_references))
            if started is not None:
                started(feed.total)
            with session.store.writer(session.run.id, kept, told) as writer:
                ending, seen = _inspect(feed, session, writer, [cost, *sinks])
            seconds = time.perf_counter() - start
            own = of_sessions(
                session.run.counters, inspected=seen, seconds=seconds, peak=memory.peak
            )
            status = Status.DONE if ending in _WHOLE else Status.INTERRUPTED
            session.finish(status, {**cost.add_to(session.run.counters), **own})
            session.write_folder()
        tally = session.store.tally(session.run.id)
        alarm = session.alarm
        session.store.confirm()
    listed = len(plan.source.items)
    resumed = listed - (feed.total or 0)
    return RunResult(
        run_id=session.run.id,
        name=session.run.name,
        tally=tally,
        ending=ending,
        resumed=resumed,
        inspected=seen,
        nothing_new=listed > 0 and resumed == listed,
        wall_seconds=time.perf_counter() - start,
        cost=cost,
        setup_alarm=alarm,
        unread_masks=session.unread_masks,
    )


def validate(plan: RunPlan) -> tuple[BuildContext, Truths, list[Unread]]:
    """What a run needs, made once, and the truth about new images: all that may be refused.

    Last the masks that can't be read, which refuse nothing.

    Raises:
        UsageError, RecipeError: the plan can't be carried out; nothing was written.
    """
    _refuse_used_folder(plan)
    context = plan.context
    for own in (context, *context.views.values()):
        build_pipeline(own)
    with usage_errors():
        return context, *_truths(() if plan.resume else plan.source.items)


class Session:
    """A run from its checks to its last file: its folder, its row in the store, its context.

    Making one checks the plan, and writes nothing. `with` begins the run or finds it again; leaving
    it closes the store, whatever happened.

    Raises:
        UsageError, RecipeError: the plan can't be carried out.
    """

    store: Store
    run: Run
    new: bool
    """Whether the run begins; it is resumed otherwise."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.context, self._truths, self._unread = validate(plan)
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Begin or resume.

        Raises:
            ClusterError: Ray can't be reached; nothing was written.
            UsageError: the run to resume is of another recipe, references …
            StoreError: the store can't be opened or written.
        """
        with self._held:
            if not self.plan.resume:
                self.hold(self.plan.engine.ready(self.context))
                _make_folder(self.plan.out)
            self.store = self.hold(Store.open(self.plan.store))
            self.run, self.new = begin_or_resume(self.store, self.plan)
            self._held = self._held.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._held.__exit__(kind, failure, where)

    def hold(self, resource: contextlib.AbstractContextManager[_T]) -> _T:
        """Enter a resource that is kept until the session ends."""
        return self._held.enter_context(resource)

    def take_up(self, feed: Feed | None = None) -> None:
        """Say that work begins: the run is running, and its counters are not whole any more.

        Args:
            feed: what is to be inspected, whose truth is written; of a new run all is known.

        Raises:
            UsageError: the truth of an image can't be read.
            StoreError: the store can't be written.
        """
        (self.plan.out / COUNTERS).unlink(missing_ok=True)
        if not self.new:
            self.store.resume_run(self.run.id, marked(self.run))
        if self.plan.resume:
            listed = feed.items if feed is not None and feed.total is not None else ()
            with usage_errors():
                left = {item.id: item for item in listed if item}
                before = [item for item in self.plan.source.items if item.id not in left]
                self._truths, unread = _truths([*left.values()])
                # Told of the whole run, as all of its counters are.
                self._unread = [*_truths(before)[1], *unread]
        self.store.write_truth(self.run.id, self._truths)

    def finish(self, status: Status, counters: Mapping[str, float]) -> Tally:
        """Close the run's row: how it ended, and its counters beside the sums of its images."""
        tally = self.store.tally(self.run.id)
        self.store.finish_run(self.run.id, status, {**tally.model_dump(), **counters})
        return tally

    @property
    def said_of_versions(self) -> tuple[str, ...]:
        """That a run goes on with other packages, or on another processor, in a line."""
        other = {} if self.new else other_versions(self.run)
        if not other:
            return ()
        told = ", ".join(f"{name} {self.run.versions[name]} → {it}" for name, it in other.items())
        return (f"Goes on with {told}: last digits of verdicts may differ; the run is marked",)

    @property
    def said_of_references(self) -> tuple[str, ...]:
        """What is amiss with the references, a line each.

        Raises:
            UsageError: one of them can't be read any more.
        """
        with usage_errors():
            return said_of_references(self.context)

    @property
    def unread_masks(self) -> tuple[str, ...]:
        """As a result has it."""
        return said_of_unread(self._unread)

    @functools.cached_property
    def expected(self) -> Expectation:
        """What its references let expect of a run; asked for when it ends, for it takes a while."""
        return Expectation.of(self.plan.references, self.plan.recipe, self.plan.cache)

    @property
    def alarm(self) -> str:
        """What is to be said of the set-up in one line; empty where nothing is."""
        return alarm_of(self.store, self.run.id, self.expected)

    def write_folder(self) -> None:
        """Write the results; `counters.json` last, as it says that all others are there."""
        from reinspect.export import write_run_folder  # not before the first verdict

        write_run_folder(self.store, self.run.id, self.plan.out)
        self.plan.engine.leave_files(self.store, self.run.id, self.plan.out)
        census = census_of(self.plan.source)
        write_counters(
            self.store, self.run.id, self.plan.out, self.expected, census, self.unread_masks
        )


def begin_or_resume(store: Store, plan: RunPlan) -> tuple[Run, bool]:
    """The plan's run, and whether it is new; its recipe is written to its folder.

    One that was cut off while it began, when it had a folder and no row, or a row and nothing in
    its folder, is begun as if it was new, whether it is to be resumed or not.

    Raises:
        UsageError: the run to resume is of another recipe, references …
        StoreError: the store has no such run, or can't be written.
    """
    info = RunInfo(
        name=plan.out.absolute().name,
        folder=str(plan.out.absolute()),
        recipe=dump_recipe(plan.recipe),
        fingerprint=fingerprint(plan),
        sources=plan.source.absolute,
        versions={**versions(), **_of_references(plan)},
        explored=plan.explore,
        tags=plan.tags,
    )
    run = _begun_before(store, plan, info)
    new = run is None
    if run is None:
        run = store.run_of(store.begin_run(info))
    else:
        differs = changed(run, plan)
        if differs:
            raise UsageError(
                f"{plan.out}: cannot resume, its verdicts would not be alike: "
                f"{'; '.join(differs)}; start another run with another --out"
            )
        _make_folder(plan.out)
    _freeze_recipe(plan, info)
    return run, new


def _begun_before(store: Store, plan: RunPlan, info: RunInfo) -> Run | None:
    """The run to go on with; none where it is to begin.

    Raises:
        StoreError: it is to be resumed, and the store has no such run.
    """
    try:
        run = store.run(info.name)
    except UnknownRunError:
        if plan.resume and not (plan.out.is_dir() and _is_fresh(plan.out)):
            raise
        return None
    if plan.resume:
        return run
    cut_off = run.name == info.name and run.folder == info.folder and not store.done(run.id)
    return run if cut_off and not changed(run, plan) else None


def _of_references(plan: RunPlan) -> dict[str, str]:
    """By which references it judges: their folder, or which version of a set they are."""
    return {"references": plan.references.origin} if plan.references.origin else {}


def _inspect(
    feed: Feed, session: Session, writer: Writer, sinks: Sequence[Sink]
) -> tuple[Ending, int]:
    """How it ended, and how many images were inspected; what had arrived by then is kept."""
    plan, seen = session.plan, 0
    limits = RunLimits(plan.max_seconds, plan.max_failures)
    try:
        with (
            interruptible(feed.stop),
            contextlib.closing(
                plan.engine.inspect(
                    feed.items,
                    session.context,
                    total=feed.total,
                    explore=plan.explore,
                    timeout=plan.timeout,
                    max_seconds=plan.max_seconds,
                )
            ) as traces,
        ):
            for trace in traces:
                if trace is None:
                    writer.flush()
                else:
                    seen += 1
                    sample = trace.sample
                    half = feed.replaces.get(sample.id)
                    if half is not None and half != sample.sha256:
                        writer.supersede(sample.id, feed.replaces.pop(sample.id))
                    for sink in (writer, *sinks):
                        sink(trace)
                    if trace.error is not None:
                        limits.failed()
                reached = limits.reached
                if reached and seen != feed.total:
                    return reached, seen
    except KeyboardInterrupt:
        return Ending.INTERRUPTED, seen
    return Ending.SUPERSEDED if feed.superseded() else Ending.DONE, seen


def _refuse_used_folder(plan: RunPlan) -> None:
    if plan.resume or not plan.out.exists():
        return
    if not plan.out.is_dir():
        raise UsageError(f"{plan.out}: is not a folder; name another one with --out")
    if not _is_fresh(plan.out):
        raise UsageError(
            f"{plan.out}: is not empty; finish that run with --resume, or name another folder"
        )


def _is_fresh(out: Path) -> bool:
    """Whether a run has left nothing in a folder but what it was writing when it was killed."""
    return all(path.name == PROBE or path.match(".*.part") for path in out.iterdir())


def _make_folder(out: Path) -> None:
    """Make the folder of a run, where it can be written.

    Raises:
        UsageError: it can't.
    """
    try:
        # Pictures of parts are nobody else's business; whoever made the folder before decided.
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = out / PROBE
        probe.touch()
        probe.unlink()
    except OSError as failure:
        raise UsageError(
            f"{out}: cannot write there ({failure.strerror}); name another folder with --out"
        ) from failure


def _freeze_recipe(plan: RunPlan, info: RunInfo) -> None:
    made_with = info.versions.items()
    packages = "".join(f"#   {name} {one_line(version)}\n" for name, version in made_with)
    text = f"# The recipe of run {info.name}, every default written out; made with\n{packages}"
    write_file(plan.out / "recipe.yaml", text + info.recipe)


def _truths(items: Sequence[Item]) -> tuple[Truths, list[Unread]]:
    unread: list[Unread] = []
    known = ((item.id, truth_of(item, unread)) for item in items)
    return {name: truth for name, truth in known if truth is not None}, unread
