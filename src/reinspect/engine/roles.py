"""What an engine must be able to do, and whoever inspects for it."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from reinspect.dataset import Item
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe
from reinspect.store import Store
from reinspect.trace import Trace


class Engine(Protocol):
    """Hands the images of a run to whoever inspects them: this machine, or a cluster."""

    @property
    def follows(self) -> bool:
        """Whether it takes images that arrive while it works."""
        ...

    @property
    def fetches(self) -> bool:
        """Whether it reads images of object storage, by their URL."""
        ...

    def ready(self, context: BuildContext, /) -> AbstractContextManager[object]:
        """Hold what it needs besides this process; entered before anything is written.

        Raises:
            RuntimeError: it is not to be had; the message is one line.
        """
        ...

    def at_once(self, recipe: Recipe, images: int | None, /) -> int:
        """How many of so many images it inspects at the same time."""
        ...

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
        """Traces as they arrive; None whenever nothing has for a moment.

        Args:
            items: what to inspect; None among them where there is nothing just now.
            context: what the graph is built from, wherever it runs.
            total: how many there are, where it is known.
            explore: take the second look at every image, for the record.
            timeout: seconds that an image may take.
            max_seconds: after which the caller closes the generator, whatever is in hand.
        """
        ...

    def leave_files(self, store: Store, run_id: int, folder: Path, /) -> None:
        """Write what it adds to the folder of a run that has ended."""
        ...


class Executor(Protocol):
    """Whoever inspects: takes as many images as it has room for, gives them back as traces."""

    @property
    def room(self) -> bool:
        """Whether another image may be given."""
        ...

    @property
    def busy(self) -> bool:
        """Whether there is something to come."""
        ...

    def give(self, item: Item) -> None:
        """Hand an image over."""
        ...

    def take(self, patience: float) -> Iterator[Trace]:
        """What has arrived; waits for it, for so many seconds at most."""
        ...

    def close(self) -> None:
        """Stop; what is in hand is lost, or finished first where it can't be left."""
        ...
