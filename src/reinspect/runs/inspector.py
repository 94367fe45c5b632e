"""A recipe as an object of Python: one image, many, a folder; no run's folder, no store."""

import contextlib
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from reinspect.census import Census
from reinspect.dataset import AnyPath, Item, ViewFile
from reinspect.engine.local import inspect_all
from reinspect.engine.work import build_inspect, single_threaded
from reinspect.export.tables import to_frame
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe, load_recipe
from reinspect.graph.references import reference_sets
from reinspect.images import legible
from reinspect.pictures import Pictures
from reinspect.readings import SETUP
from reinspect.runs.defaults import UsageError, usage_errors
from reinspect.runs.sources import Listed
from reinspect.settings import Settings
from reinspect.store import Row, Tally
from reinspect.trace import Trace
from reinspect.vocabulary import Outcome

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class FolderResult:
    """What was found in a folder: the traces of its images, in the folder's order."""

    traces: tuple[Trace, ...]
    census: Census | None = None
    """How many files were looked at, how many were left out, why."""

    def __iter__(self) -> Iterator[Trace]:
        return iter(self.traces)

    def __len__(self) -> int:
        return len(self.traces)

    @property
    def rows(self) -> tuple[Row, ...]:
        """One row an image, as results files have them."""
        return tuple(map(Row.of, self.traces))

    @property
    def tally(self) -> Tally:
        """How the images came out; `seconds` is the sum of what each took."""
        rows = self.rows
        outcomes = [row.disposition for row in rows]
        return Tally(
            images=len(rows),
            passed=outcomes.count(Outcome.PASS),
            failed=outcomes.count(Outcome.FAIL),
            review=outcomes.count(Outcome.REVIEW),
            errors=sum(row.error is not None for row in rows),
            revisited=sum(row.rounds > 0 for row in rows),
            corrected=sum(row.revised for row in rows),
            stopped=sum(row.reason.startswith(SETUP) for row in rows),
            seconds=sum(row.seconds for row in rows),
        )

    def to_pandas(self) -> "pd.DataFrame":
        """A table with a row an image and the columns of `results.csv`.

        Raises:
            ExportError: pandas is not installed.
        """
        return to_frame(self.rows)


class Inspector:
    """Inspects images by one recipe, built once.

    Traces stay in memory; for what is too much for that, or is to be resumed, see `reinspect.run`.
    While it is open, this process uses one BLAS and OpenCV thread: sums then come out as they do in
    a run. Leaving its `with` block, or `close`, ends that. What a recipe allows a run to spend on
    models, `many` and `folder` may spend at each call, and `one` in all.

    Args:
        recipe: a file, or the recipe itself; the embedded one by default.
        references: folder of known-good images, or of one such folder a category; the recipe's own
            by default. Without any, a folder is its own reference (or `train/good` of an
            MVTec-style category is), and a single image gets a heat-map and goes to REVIEW.
        pictures: folder for heat-maps and crops; without, none are kept.
        cache: folder for fits, which are made once for each set of references; that of the settings
            (`REINSPECT_CACHE_DIR`) by default.
        weights: folder of models' weights; that of the settings by default.
        workers: processes for `many` and `folder`; 1 is this process. A script that asks for more
            needs `if __name__ == "__main__":`.

    Raises:
        RecipeError: the recipe can't be read, or a component of it can't be made.
        UsageError: there are no such references, or one can't be read; fewer than one worker.
    """

    def __init__(
        self,
        recipe: Recipe | AnyPath | None = None,
        references: AnyPath | None = None,
        *,
        pictures: AnyPath | None = None,
        cache: AnyPath | None = None,
        weights: AnyPath | None = None,
        workers: int = 1,
    ) -> None:
        if workers < 1:
            raise UsageError(f"workers: must be at least 1, not {workers!r}")
        chosen = recipe if isinstance(recipe, Recipe) else Recipe()
        if isinstance(recipe, str | os.PathLike):
            chosen = load_recipe(Path(recipe))
        settings, given = Settings(), None if references is None else Path(references)
        with usage_errors():
            sets = reference_sets((), chosen, given=given)
        self._named = bool(given or chosen.references)
        self._workers = workers
        self._context = BuildContext(
            recipe=chosen,
            references=sets,
            pictures=None if pictures is None else Pictures(pictures),
            cache=settings.cache_dir if cache is None else Path(cache),
            weights=settings.weights_dir if weights is None else Path(weights),
        )
        self._inspect = build_inspect(self._context)
        self._held = contextlib.ExitStack()
        self._held.enter_context(single_threaded())
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the process its threads back; nothing can be inspected any more."""
        self._closed = True
        self._held.close()

    def one(
        self,
        path: AnyPath | None = None,
        *,
        category: str | None = None,
        views: Mapping[str, AnyPath] | None = None,
    ) -> Trace:
        """Inspect one image, or one part by its views.

        An image that can't be read raises nothing: its trace has the error, and goes to REVIEW.

        Args:
            path: of the file; the id of its trace, too.
            category: whose references judge it, where there are several sets.
            views: instead, name → path of each view that there is of the part; `path`, if given,
                is its id, else that of the first view.

        Raises:
            UsageError: the inspector is closed, or the recipe has other views.
        """
        self._refuse_closed()
        return self._inspect(self._item(path, category, views))

    def many(
        self, paths: Iterable[AnyPath | Mapping[str, AnyPath]], *, category: str | None = None
    ) -> Generator[Trace, None, None]:
        """Inspect images: their traces, each as soon as it is there.

        One process keeps their order; several, or a recipe that asks models, give back what is
        ready first. A trace's `sample.id` is its path. Closing the iterator stops the work.

        Args:
            paths: of the files, or of each part its views, name → path; drawn as there is room,
                never all at once.
            category: whose references judge them.

        Raises:
            UsageError: the inspector is closed.
            WorkersFailed: no worker process can be started.
        """
        self._refuse_closed()
        items = (
            self._item(None, category, path)
            if isinstance(path, Mapping)
            else self._item(path, category)
            for path in paths
        )
        # A context of its own, as its budget for models closes with the iterator.
        context = replace(self._context)
        return inspect_all(items, context, workers=self._workers, inspect=self._inspect)

    def folder(
        self, folder: AnyPath, *, categories: Sequence[str] = (), limit: int | None = None
    ) -> FolderResult:
        """Inspect all images of a folder, at any depth; of an MVTec-style root the test images.

        Args:
            folder: where they are; ids are relative to it.
            categories: to take alone; all by default.
            limit: images to inspect at most, the first ones.

        Raises:
            UsageError: there is no such folder, no image in it, or no such category; the inspector
                is closed.
            WorkersFailed: no worker process can be started.
        """
        self._refuse_closed()
        if not Path(folder).is_dir():
            raise UsageError(f"{os.fspath(folder)}: is no folder")
        if limit is not None and limit < 1:
            raise UsageError(f"limit: must be at least 1, not {limit!r}")
        context, inspect = replace(self._context), self._inspect
        with usage_errors():
            source = Listed.below(
                [folder], categories=categories, limit=limit, views=context.recipe.patterns
            )
            if not self._named:
                sets = reference_sets(source.found, context.recipe)
                context = replace(context, references=sets)
                inspect = build_inspect(context)
        traces = inspect_all(source.items, context, workers=self._workers, inspect=inspect)
        found = {trace.sample.id: trace for trace in traces}
        return FolderResult(tuple(found[item.id] for item in source.items), source.census)

    def _item(
        self,
        path: AnyPath | None,
        category: str | None,
        views: Mapping[str, AnyPath] | None = None,
    ) -> Item:
        known = self._context.recipe.views
        if not views:
            if known:
                raise UsageError(f"views: this recipe has several: give {', '.join(known)}")
            if path is None:
                raise UsageError("path: give the file of an image")
            text = os.fspath(path)
            return Item(id=legible(text), path=text, category=category)
        for name in views:
            if name not in known:
                there = ", ".join(known) or "none: add views to it"
                raise UsageError(f"views: no view {name!r} in this recipe; there are: {there}")
        files = tuple(ViewFile(name, os.fspath(views[name])) for name in known if name in views)
        first = files[0].path
        text = first if path is None else os.fspath(path)
        return Item(id=legible(text), path=first, category=category, views=files)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise UsageError("the inspector is closed; make another one")
