"""One run from the command line: what to inspect, by what, and where the results go."""

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from reinspect.cli.progress import Counter
from reinspect.dataset import Item, discover, truth_of
from reinspect.engine.local import Work, attend
from reinspect.engine.ray import Cluster, attend_on, connected
from reinspect.errors import ReinspectError
from reinspect.export import TRACES, write_run_folder, write_traces
from reinspect.files import whole_file
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.recipe import Recipe, dump_recipe
from reinspect.images import UnreadableImage
from reinspect.pictures import Pictures
from reinspect.references import ReferenceSets
from reinspect.roles import Sink
from reinspect.runs.cost import Bill
from reinspect.runs.counters import COUNTERS, is_whole, of_sessions, write_counters
from reinspect.runs.defaults import plainly
from reinspect.runs.drop_folder import DropFolder
from reinspect.runs.limits import Ending, RunLimits, heeding, interruptible
from reinspect.runs.resources import MemorySampler
from reinspect.runs.resume import Done, changed, done_before, fingerprint, left, versions
from reinspect.storage import pictures_below
from reinspect.store import Run, RunInfo, Status, Store, Tally, Writer
from reinspect.vocabulary import Truth


class RunError(ReinspectError, ValueError):
    """A run that can't start as it was asked for."""


def items_of(
    paths: Sequence[Path],
    *,
    exclude: Sequence[Path] = (),
    only: Sequence[str] | None = None,
    categorised: bool = False,
) -> tuple[Item, ...]:
    """What to inspect.

    Args:
        paths: images, folders, MVTec-style roots.
        exclude: folders to pass over.
        only: categories to take; all by default.
        categorised: take what belongs to a category alone.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: nothing is left to inspect, or a category is not there.
    """
    every = [i for i in discover(paths, exclude=exclude) if i.category or not categorised]
    known = sorted({item.category for item in every if item.category})
    for name in only or ():
        if name not in known:
            raise ValueError(f"no category {name!r}; there are: {', '.join(known) or 'none'}")
    items = tuple(item for item in every if not only or item.category in only)
    if not items:
        what = "MVTec-style categories" if categorised else "images"
        raise ValueError(f"no {what} in {', '.join(map(str, paths))}")
    return items


def stored_items(url: str) -> tuple[Item, ...]:
    """What to inspect at a URL of object storage; their path is their own URL.

    Raises:
        StorageError: it can't be read.
        ValueError: there is nothing to inspect.
    """
    items = tuple(Item(id=found.id, path=found.url) for found in pictures_below(url))
    if not items:
        raise ValueError(f"no images in {url}")
    return items


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything that a run needs to know."""

    items: tuple[Item, ...]
    """What to inspect; of a watched folder nothing, since its files arrive later."""
    sources: tuple[Path | str, ...]
    """Paths, or the URL of a folder in object storage."""
    recipe: Recipe
    references: ReferenceSets
    out: Path
    store: str
    resume: bool = False
    retry_failed: bool = False
    explore: bool = False
    workers: int = 1
    cache: Path | None = None
    weights: Path | None = None
    timeout: float | None = None
    max_seconds: float | None = None
    max_failures: int | None = None
    watched: bool = False
    apart: tuple[Path, ...] = ()
    """Folders below a watched one whose files are not to be inspected."""
    limit: int | None = None
    """Images to inspect at most."""
    cluster: Cluster | None = None
    """Where Ray inspects; without, this machine does."""

    @property
    def workshop(self) -> BuildContext:
        """What the crew is made from, with the run's folder for its pictures."""
        return BuildContext(
            recipe=self.recipe,
            references=self.references,
            pictures=Pictures(self.out / "pictures"),
            cache=self.cache,
            weights=self.weights,
        )


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    run_id: int
    name: str
    tally: Tally
    ending: Ending
    resumed: int
    """Images that were inspected before."""
    wall_seconds: float
    bill: Bill

    @property
    def interrupted(self) -> bool:
        """Whether there may be something left to do."""
        return self.ending is not Ending.DONE


def carry_out(
    job: RunPlan, console: Console, *, quiet: bool, watcher: Sink | None = None
) -> RunResult:
    """Inspect all items of a job, and write the run's folder, on Ctrl-C too.

    `watcher` is shown each trace as it arrives.

    Raises:
        JobError: the folder is not empty, or the run to resume is of another recipe, references …
        RecipeError: a part of the recipe can't be made.
        ClusterError: Ray can't be reached; nothing was written.
        StoreError: the store can't be opened or written.
    """
    start = time.perf_counter()
    workshop, truths = checked(job)
    with contextlib.ExitStack() as held:
        memory = held.enter_context(MemorySampler())
        if not job.resume:
            if job.cluster:
                held.enter_context(connected(job.cluster, workshop))
            make_folder(job.out)
        store = held.enter_context(Store.open(job.store))
        run, new = entered(store, job)
        done = done_before(store, run.id, job)
        items = left(job.items, done)
        bill, seen, ending = Bill(), 0, Ending.DONE
        if job.cluster and items:
            held.enter_context(connected(job.cluster, workshop))
        if new or items or job.watched or not is_whole(run, job.out):
            (job.out / COUNTERS).unlink(missing_ok=True)
            if not new:
                store.resume_run(run.id)
                with plainly():
                    truths = _truths(items)
            store.write_truth(run.id, truths)
            counter = Counter(console, None if job.watched else len(items), quiet=quiet)
            with store.writer(run.id) as writer, counter:
                sinks = [sink for sink in (counter, bill, watcher) if sink]
                ending, seen = _inspect(_source(job, items, done), job, workshop, writer, sinks)
            _finish(store, run, job, ending, bill, seen, time.perf_counter() - start, memory.peak)
        tally = store.tally(run.id)
    return RunResult(
        run_id=run.id,
        name=run.name,
        tally=tally,
        ending=ending,
        resumed=len(job.items) - len(items),
        wall_seconds=time.perf_counter() - start,
        bill=bill,
    )


def checked(job: RunPlan) -> tuple[BuildContext, Mapping[str, Truth]]:
    """What a job needs, made once, and the truth about new items: all that may be refused.

    Raises:
        JobError, RecipeError, AskedFor: the job can't be done; nothing was written.
    """
    _refuse_used_folder(job)
    workshop = job.workshop
    build_pipeline(workshop)
    with plainly():
        return workshop, {} if job.resume else _truths(job.items)


def _finish(
    store: Store,
    run: Run,
    job: RunPlan,
    ending: Ending,
    bill: Bill,
    inspected: int,
    seconds: float,
    peak: float,
) -> None:
    counters = {
        **store.tally(run.id).model_dump(),
        **bill.with_those_of(run.counters),
        **of_sessions(run.counters, inspected=inspected, seconds=seconds, peak=peak),
    }
    status = Status.DONE if ending is Ending.DONE else Status.INTERRUPTED
    store.finish_run(run.id, status, counters)
    write_run_folder(store, run.id, job.out)
    if job.cluster:
        write_traces(store, run.id, job.out / TRACES)
    write_counters(store, run.id, job.out)


def _source(job: RunPlan, items: Sequence[Item], done: Done) -> Iterable[Work | None]:
    if not job.watched:
        return [Work(path=item.path, id=item.id, category=item.category) for item in items]
    return DropFolder(
        [Path(source) for source in job.sources], exclude=job.apart, done=done, limit=job.limit
    )


def _inspect(
    works: Iterable[Work | None],
    job: RunPlan,
    workshop: BuildContext,
    writer: Writer,
    sinks: Sequence[Sink],
) -> tuple[Ending, int]:
    """How it ended, and how many images were inspected; what had arrived by then is kept."""
    limits, seen = RunLimits(job.max_seconds, job.max_failures), 0
    workers, timeout = job.workers, job.timeout
    if isinstance(works, Sequence):
        workers = few_workers(workers, len(works))
    if timeout is None and job.max_seconds is not None:
        timeout = 2 * job.max_seconds  # never met; but only a worker of its own can be left behind
    stoppable = heeding(works.stop) if isinstance(works, DropFolder) else interruptible()
    try:
        with (
            stoppable,
            contextlib.closing(
                attend_on(
                    job.cluster,
                    [work for work in works if work],
                    workshop,
                    explore=job.explore,
                    timeout=job.timeout,
                )
                if job.cluster
                else attend(works, workshop, workers=workers, explore=job.explore, timeout=timeout)
            ) as traces,
        ):
            for trace in traces:
                if trace is None:
                    writer.flush()
                else:
                    seen += 1
                    for sink in (writer, *sinks):
                        sink(trace)
                    if trace.error is not None:
                        limits.failed()
                reached = limits.reached
                if reached and not (isinstance(works, Sequence) and seen == len(works)):
                    return reached, seen
    except KeyboardInterrupt:
        return Ending.INTERRUPTED, seen
    return Ending.DONE, seen


FEW = 8
"""Images for which another worker process is worth its start."""


def few_workers(workers: int, images: int) -> int:
    """As many workers as are worth their start."""
    return min(workers, max(1, images // FEW))


def _refuse_used_folder(job: RunPlan) -> None:
    if job.resume or not job.out.exists():
        return
    if not job.out.is_dir():
        raise RunError(f"{job.out}: is not a folder; name another one with --out")
    if any(job.out.iterdir()):
        raise RunError(
            f"{job.out}: is not empty; finish that run with --resume, or name another folder"
        )


def make_folder(out: Path) -> None:
    """Make the folder of a run, where it can be written.

    Raises:
        JobError: it can't.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as failure:
        raise RunError(
            f"{out}: cannot write there ({failure.strerror}); name another folder with --out"
        ) from failure


def entered(store: Store, job: RunPlan) -> tuple[Run, bool]:
    """The job's run, and whether it is new.

    Raises:
        JobError: the run to resume is of another recipe, references …
    """
    info = RunInfo(
        name=job.out.absolute().name,
        folder=str(job.out.absolute()),
        recipe=dump_recipe(job.recipe),
        fingerprint=fingerprint(job),
        sources=tuple(
            source if isinstance(source, str) else str(source.absolute()) for source in job.sources
        ),
        versions=versions(),
        explored=job.explore,
    )
    if not job.resume:
        run = store.run_of(store.begin_run(info))
    else:
        run = store.run(info.name)
        differs = changed(run, job)
        if differs:
            raise RunError(
                f"{job.out}: cannot resume, its verdicts would not be alike: "
                f"{'; '.join(differs)}; start another run with another --out"
            )
        make_folder(job.out)
    _freeze_recipe(job, info)
    return run, not job.resume


def _freeze_recipe(job: RunPlan, info: RunInfo) -> None:
    packages = "".join(f"#   {name} {version}\n" for name, version in info.versions.items())
    text = f"# The recipe of run {info.name}, every default written out; made with\n{packages}"
    with whole_file(job.out / "recipe.yaml") as file:
        file.write((text + info.recipe).encode())


def _truths(items: Sequence[Item]) -> Mapping[str, Truth]:
    known = ((item.id, _truth(item)) for item in items)
    return {name: truth for name, truth in known if truth is not None}


def _truth(item: Item) -> Truth | None:
    try:
        return truth_of(item)
    except UnreadableImage as failure:
        if failure.path != item.path:
            raise
        return None  # the image has its own row, which says what is wrong with it
