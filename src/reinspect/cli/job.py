"""One run from the command line: what to inspect, by what, and where the results go."""

import hashlib
import importlib.metadata
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from reinspect.cli.bill import Bill
from reinspect.cli.places import plainly
from reinspect.cli.progress import Counter
from reinspect.dataset import Item, Truth, discover, truth_of
from reinspect.export import write_run_folder
from reinspect.export.whole import whole_file
from reinspect.graph.batch import Work, inspect_all
from reinspect.graph.crew import Workshop, build_crew
from reinspect.graph.recipe import Recipe, dump_recipe
from reinspect.images import UnreadableImage, sha256_of
from reinspect.pictures import Pictures
from reinspect.roles import Sink
from reinspect.store import RunInfo, Status, Store, Tally, differences
from reinspect.tools.golden import GoldenSets


class JobError(ValueError):
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


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a run needs to know."""

    items: tuple[Item, ...]
    sources: tuple[Path, ...]
    recipe: Recipe
    references: GoldenSets
    out: Path
    store: str
    resume: bool = False
    explore: bool = False
    workers: int = 1
    cache: Path | None = None
    weights: Path | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended."""

    run_id: int
    name: str
    tally: Tally
    interrupted: bool
    resumed: int
    wall_seconds: float
    bill: Bill


def carry_out(job: Job, console: Console, *, quiet: bool, watcher: Sink | None = None) -> Finished:
    """Inspect all items of a job, and write the run's folder, on Ctrl-C too.

    `watcher` is shown each trace as it arrives.

    Raises:
        JobError: the folder is not empty, or the run to resume is of another recipe, references …
        RecipeError: a part of the recipe can't be made.
        StoreError: the store can't be opened or written.
    """
    _refuse_used_folder(job)
    workshop = Workshop(
        recipe=job.recipe,
        references=job.references,
        pictures=Pictures(job.out / "pictures"),
        cache=job.cache,
        weights=job.weights,
    )
    build_crew(workshop)  # refuse what can't be done before anything is written
    with plainly():
        truths = _truths(job.items)
    start = time.perf_counter()
    _make_folder(job.out)
    with Store.open(job.store) as store:
        run_id = _enter(store, job)
        items = _left(store, run_id, job)
        store.write_truth(run_id, {item.id: truths[item.id] for item in items if item.id in truths})
        bill, before = Bill(), store.run(_run_name(job)).counters
        counter = Counter(console, len(items), quiet=quiet)
        with store.writer(run_id) as writer, counter:
            sinks = [sink for sink in (writer, counter, bill, watcher) if sink]
            interrupted = _inspect(items, job, workshop, sinks)
        tally = store.tally(run_id)
        status = Status.INTERRUPTED if interrupted else Status.DONE
        store.finish_run(run_id, status, {**tally.model_dump(), **bill.with_those_of(before)})
        write_run_folder(store, run_id, job.out)
    return Finished(
        run_id=run_id,
        name=_run_name(job),
        tally=tally,
        interrupted=interrupted,
        resumed=len(job.items) - len(items),
        wall_seconds=time.perf_counter() - start,
        bill=bill,
    )


def _inspect(items: list[Item], job: Job, workshop: Workshop, sinks: list[Sink]) -> bool:
    """Whether it was interrupted; what had arrived by then is kept."""
    works = [Work(path=item.path, id=item.id, category=item.category) for item in items]
    workers = min(job.workers, max(1, len(works) // FEW))
    traces = inspect_all(works, workshop, workers=workers, explore=job.explore)
    try:
        for trace in traces:
            for sink in sinks:
                sink(trace)
    except KeyboardInterrupt:
        return True
    finally:
        traces.close()
    return False


FEW = 8
"""Images for which another worker process is worth its start."""


def _refuse_used_folder(job: Job) -> None:
    if job.resume or not job.out.exists():
        return
    if not job.out.is_dir():
        raise JobError(f"{job.out}: is not a folder; name another one with --out")
    if any(job.out.iterdir()):
        raise JobError(
            f"{job.out}: is not empty; finish that run with --resume, or name another folder"
        )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as failure:
        raise JobError(
            f"{out}: cannot write there ({failure.strerror}); name another folder with --out"
        ) from failure


def _run_name(job: Job) -> str:
    return job.out.absolute().name


def _enter(store: Store, job: Job) -> int:
    info = RunInfo(
        name=_run_name(job),
        folder=str(job.out.absolute()),
        recipe=dump_recipe(job.recipe),
        fingerprint=fingerprint(job),
        sources=tuple(str(source.absolute()) for source in job.sources),
        versions=versions(),
        explored=job.explore,
    )
    if not job.resume:
        run_id = store.begin_run(info)
        _freeze_recipe(job, info)
        return run_id
    run = store.run(info.name)
    changed = differences(run.fingerprint, info.fingerprint)
    if changed:
        raise JobError(
            f"{job.out}: cannot resume, its verdicts would not be alike: {'; '.join(changed)}; "
            "start another run with another --out"
        )
    _freeze_recipe(job, info)
    store.resume_run(run.id)
    return run.id


def _freeze_recipe(job: Job, info: RunInfo) -> None:
    packages = "".join(f"#   {name} {version}\n" for name, version in info.versions.items())
    text = f"# The recipe of run {info.name}, every default written out; made with\n{packages}"
    with whole_file(job.out / "recipe.yaml") as file:
        file.write((text + info.recipe).encode())


def fingerprint(job: Job) -> dict[str, str]:
    """What the verdicts of a run depend on, besides the images."""
    references = job.references.fingerprint
    keys = "\n".join(f"{name}\t{key}" for name, key in sorted(references.items()))
    monitor = job.recipe.monitor.options.get("file")
    return {
        "version": importlib.metadata.version("reinspect"),
        "recipe": hashlib.sha256(dump_recipe(job.recipe.placeless).encode()).hexdigest(),
        "references": hashlib.sha256(keys.encode()).hexdigest(),
        "monitor file": hashlib.sha256(Path(monitor).read_bytes()).hexdigest() if monitor else "",
        "explore": str(job.explore).lower(),
    }


def versions() -> dict[str, str]:
    """Version of every package that a verdict may depend on."""
    packages = ("reinspect", "langgraph", "numpy", "opencv-python-headless", "pillow", "scipy")
    return {package: importlib.metadata.version(package) for package in packages}


def _left(store: Store, run_id: int, job: Job) -> list[Item]:
    """The items that a resumed run still has to inspect; those that failed are tried again."""
    if not job.resume:
        return list(job.items)
    done = store.done(run_id, failed=False)
    names = {image for image, _ in done}
    return [i for i in job.items if i.id not in names or (i.id, _hash(i)) not in done]


def _hash(item: Item) -> str:
    try:
        return sha256_of(item.path)
    except UnreadableImage:
        return ""


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
