"""Ray: the same graph in actors of Ray Data, on this machine or on a cluster.

Ray does the scheduling, the back-pressure and the second tries: an actor whose machine goes away is
started elsewhere, and what it had in hand is done again. Whoever calls is the one committer: traces
and pictures come back to it, and nothing but it writes.
"""

import collections
import contextlib
import logging
import os
import queue
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from reinspect.dataset import Item, ViewFile
from reinspect.engine.fetch import fetch
from reinspect.engine.local import TICK, Local, start_executor
from reinspect.engine.processes import Processes
from reinspect.engine.roles import Executor
from reinspect.engine.work import failed
from reinspect.errors import ReinspectError
from reinspect.export import TRACES, write_traces
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe
from reinspect.pictures import Pictures
from reinspect.store import Store
from reinspect.trace import Trace

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 32
"""Images that an actor takes at once: what is done again if its machine goes away."""

LOST = "its Ray actor was lost again and again (out of memory, or one machine after the other)"

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # or every actor that ends is told to standard output
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""What Ray reads as it starts. Nothing is reported to anyone; each can be set otherwise."""

_STORE = 512 * 2**20  # bytes of Ray's object store on one machine: blocks are small
_AHEAD = 4  # blocks of traces that wait for the committer


class ClusterError(ReinspectError, RuntimeError):
    """Ray can't do what was asked; the message is one line: what, what to do."""


@dataclass(frozen=True, slots=True)
class Ray:
    """A Ray cluster, or Ray on this machine.

    `address` is what Ray takes for one: `auto`, `host:port`, `ray://host:port`; without, Ray is
    started on this machine for as long as the run takes. `workers` is how many actors there may
    be; without, one for each processor that Ray has.
    """

    address: str | None = None
    workers: int | None = None

    follows = False
    fetches = True

    def ready(self, context: BuildContext, /) -> contextlib.AbstractContextManager[object]:
        """Reach Ray, or start it.

        Raises:
            ClusterError: Ray isn't there, or has no room for an actor.
        """
        return connect(self, context)

    def at_once(self, recipe: Recipe, images: int | None, /) -> int:
        """As on this machine: nobody knows the cluster before it is reached."""
        return Local(self.workers).at_once(recipe, images)

    def inspect(
        self,
        items: Iterable[Item | None],
        context: BuildContext,
        /,
        *,
        total: int | None = None,
        explore: bool = False,
        timeout: float | None = None,
        max_seconds: float | None = None,
    ) -> Generator[Trace | None, None, None]:
        """See `Engine`. Pictures are written before their trace is handed on.

        An image that takes its process down gets an error; none does because a machine is lost.
        Paths or URLs of the items, and the references, must be readable wherever an actor may be:
        files in a shared folder, URLs of object storage.

        Raises:
            ClusterError: Ray isn't there, or has failed as a whole.
        """
        todo = {item.id: item for item in items if item}
        if not todo:
            return
        with connect(self, context) as actors:
            block = max(1, min(_block_of(context), -(-len(todo) // (4 * actors))))
            # What never came back is done again with care, to find the image that killed an actor.
            for careful in (False, True):
                blocks = _blocks(list(todo.values()), block)
                task = (context, explore, timeout, careful)
                stream = _stream(blocks, task, actors)
                with contextlib.closing(stream):
                    for table in stream:
                        yield None
                        for trace in _receive(table, context.pictures):
                            if todo.pop(trace.sample.id, None) is not None:
                                yield trace
                if not todo:
                    return
        for item in todo.values():
            yield failed(item, LOST)

    def leave_files(self, store: Store, run_id: int, folder: Path, /) -> None:
        """Write all traces as Parquet, for whoever goes on with them on the cluster.

        Raises:
            WriteError: the file can't be written.
            StoreError: the store can't be read.
        """
        write_traces(store, run_id, folder / TRACES)


def _block_of(context: BuildContext) -> int:
    """Enough to keep the threads of a recipe busy that waits for models."""
    asks = bool(context.recipe.asking)
    return max(BLOCK, 2 * context.recipe.budgets.in_flight) if asks else BLOCK


def _blocks(items: Sequence[Item], size: int) -> list["pa.Table"]:
    import pyarrow as pa

    rows = [
        {
            "path": item.path,
            "id": item.id,
            "category": item.category,
            "views": [[view.name, view.path] for view in item.views],
        }
        for item in items
    ]
    words = [(name, pa.string()) for name in ("path", "id", "category")]
    schema = pa.schema([*words, ("views", pa.list_(pa.list_(pa.string())))])
    return [
        pa.Table.from_pylist(rows[start : start + size], schema)
        for start in range(0, len(rows), size)
    ]


@contextlib.contextmanager
def connect(cluster: Ray, context: BuildContext) -> Iterator[int]:
    """Ray, for as long as it takes, and how many actors there may be.

    Where it is reached already, it is left to whoever did.

    Raises:
        ClusterError: Ray isn't there, or has no room for an actor.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as failure:
        raise ClusterError("--engine ray needs Ray: pip install 'reinspect[ray]'") from failure
    if ray.is_initialized():
        yield _room(ray.cluster_resources(), cluster, context)
        return
    here = cluster.address is None
    _refuse_unreachable(cluster.address)
    try:
        with _hushed():
            ray.init(
                address=cluster.address or "local",
                num_cpus=cluster.workers if here else None,
                object_store_memory=_STORE if here else None,
                include_dashboard=False if here else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except Exception as failure:  # noqa: BLE001 - plain ones, too, such as of a start that took long
        if here:
            _refuse("cannot start Ray on this machine", failure)
        hint = "if it asks for a token: RAY_AUTH_MODE=token"
        _refuse(f"cannot reach Ray at {cluster.address} ({hint})", failure)
    try:
        yield _room(ray.cluster_resources(), cluster, context)
    finally:
        ray.shutdown()


def _refuse_unreachable(address: str | None) -> None:
    """At once, where Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as failure:
            _refuse(f"cannot reach Ray at {address}", failure)


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Without standard error, on which Ray's native half says how its log level was set."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _room(resources: dict[str, float], cluster: Ray, context: BuildContext) -> int:
    """How many actors there may be."""
    room, gpus = int(resources.get("CPU", 0)), context.recipe.budgets.gpus
    if gpus:
        room = min(room, int(resources.get("GPU", 0) / gpus))
    if room < 1:
        need = f"a processor and {gpus:g} GPU" if gpus else "a processor"
        raise ClusterError(f"an actor needs {need}, which Ray does not have: it has {resources}")
    spends = context.recipe.budgets.run
    if context.recipe.asking and spends != type(spends)():
        return 1  # a run's budget is kept in one process
    return min(room, cluster.workers or room)


def _stream(
    blocks: list["pa.Table"], task: tuple[BuildContext, bool, float | None, bool], actors: int
) -> Generator["pa.Table | None", None, None]:
    """What the actors give back, block by block, in any order; None for a moment without any."""
    import ray.data

    careful = task[-1]
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # they are done again
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a change in Ray 2.64, which the extra leaves out
        made = ray.data.from_arrow(blocks).map_batches(
            InspectionActor,
            fn_constructor_args=task,
            batch_format="pyarrow",
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors, initial_size=actors),
            num_cpus=1,
            num_gpus=task[0].recipe.budgets.gpus or None,
            max_task_retries=4 if careful else 1,
        )
    arrived: queue.Queue[Any] = queue.Queue(_AHEAD)
    stopped = threading.Event()

    def draw() -> None:
        end: object = _END
        try:
            for table in made.iter_batches(batch_format="pyarrow", batch_size=None):
                while not stopped.is_set():
                    with contextlib.suppress(queue.Full):
                        arrived.put(table, timeout=TICK)
                        break
                if stopped.is_set():
                    return
        except Exception as failure:  # noqa: BLE001 - handed to the thread that asks
            end = failure
        with contextlib.suppress(queue.Full):
            arrived.put(end, timeout=60)

    # Ray's own iterator can't be interrupted while it waits.
    thread = threading.Thread(target=draw, name="ray", daemon=True)
    thread.start()
    try:
        while True:
            try:
                found = arrived.get(timeout=TICK)
            except queue.Empty:
                yield None
                continue
            if found is _END:
                return
            if isinstance(found, Exception):
                _refuse("Ray gave up", found, "; what was inspected is kept: --resume")
            yield found
    finally:
        stopped.set()


_END = object()


def _refuse(what: str, failure: Exception, remedy: str = "") -> NoReturn:
    words = " ".join(str(failure).split()) or type(failure).__name__
    said = words if len(words) <= 300 else f"{words[:150]} … {words[-150:]}"
    raise ClusterError(f"{what}: {said}{remedy}") from failure


def _receive(table: "pa.Table | None", pictures: Pictures | None) -> Iterator[Trace]:
    """The traces of a block, the pictures of each written before it is handed on."""
    if table is None:
        return
    for row in table.to_pylist():
        if pictures is not None:
            for picture in row["pictures"]:
                pictures.keep(picture["name"], picture["content"])
        yield Trace.model_validate_json(row["trace"])


class InspectionActor:
    """An actor: a graph, built once, that takes blocks of images."""

    def __init__(
        self, context: BuildContext, explore: bool, timeout: float | None, careful: bool
    ) -> None:
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="reinspect-"))
        self._pictures, self._copies = Path(folder) / "pictures", Path(folder) / "fetched"
        if context.pictures is not None:
            # The run's folder may be out of reach from here: they travel with the traces.
            context = replace(context, pictures=Pictures(self._pictures))
        self._executor: Executor
        if careful:  # a process beneath this one, to die in its place
            self._executor = Processes(1, context, explore=explore, timeout=timeout)
            self._stack.callback(self._executor.close)
        else:
            self._executor = start_executor(self._stack, context, 1, explore, timeout)

    def __call__(self, block: "pa.Table") -> "pa.Table":
        """Inspect a block.

        Rows of `path`, `id`, `category`, `views` (name and path of each) become rows of `trace`
        (JSON) and `pictures` (name and content); the first row has those of the whole block.
        """
        import pyarrow as pa

        items = [
            Item(**{**row, "views": tuple(ViewFile(*view) for view in row["views"])})
            for row in block.to_pylist()
        ]
        here = fetch(items, self._copies)
        queue = collections.deque(here.items)
        done = [failed(item, why) for item, why in here.lost]
        while len(done) < block.num_rows:
            while queue and self._executor.room:
                self._executor.give(queue.popleft())
            done.extend(map(here.release, self._executor.take(TICK)))
        traces = [trace.model_dump_json().encode() for trace in done]
        pictures = [list(self._take_pictures())] + [[]] * (len(traces) - 1)
        kinds = pa.list_(pa.struct([("name", pa.string()), ("content", pa.binary())]))
        columns = [pa.array(traces, pa.binary()), pa.array(pictures, kinds)]
        return pa.table(columns, names=["trace", "pictures"])

    def _take_pictures(self) -> Iterator[dict[str, Any]]:
        """The pictures of the block, which leave this machine with it."""
        for path in sorted(self._pictures.rglob("*.*")):
            if path.is_file():
                name = path.relative_to(self._pictures).as_posix()
                yield {"name": name, "content": path.read_bytes()}
                path.unlink()
