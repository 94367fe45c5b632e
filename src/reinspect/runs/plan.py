"""What a run needs to know, made in one place from what people say."""

import itertools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from reinspect.dataset import AnyPath, Layout, ReferenceVersion, VersionsError, version_at
from reinspect.engine.local import Local
from reinspect.engine.roles import Engine
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe, load_recipe
from reinspect.graph.references import reference_sets
from reinspect.images import one_line
from reinspect.pictures import Pictures
from reinspect.references import ReferenceSets
from reinspect.runs.arriving_parts import VIEW_TIMEOUT
from reinspect.runs.defaults import (
    UsageError,
    critics_beside,
    default_out,
    default_store,
    runs_beside,
    usage_errors,
)
from reinspect.runs.drop_folder import SETTLED
from reinspect.runs.on_request import OnRequest
from reinspect.runs.sources import Bucket, DropFolder, Listed, Source
from reinspect.settings import Settings
from reinspect.storage import is_url, name_of


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything that a run needs to know. `RunPlan.of` makes one from what people say."""

    source: Source
    recipe: Recipe
    references: ReferenceSets
    out: Path
    """The run's folder; its last name is the run's."""
    store: str
    """URL of the store, or its SQLite file."""
    engine: Engine = field(default_factory=Local)
    resume: bool = False
    """Finish the run in `out`."""
    retry_failed: bool = False
    """Try images again that failed before."""
    explore: bool = False
    """Take the second look at every image, for the record; same verdicts."""
    cache: Path | None = None
    """Folder for fits; without, each process fits anew."""
    weights: Path | None = None
    """Folder of weights that a recipe names by a short name."""
    timeout: float | None = None
    """Seconds that an image may take; then it goes to REVIEW."""
    max_seconds: float | None = None
    """Wall time in seconds after which the run stops, to be resumed."""
    max_failures: int | None = None
    """Failed images at which it stops."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the run, for people to find it by: its line, its shift, its lot."""

    def __post_init__(self) -> None:
        """Refuse what can't be done.

        Raises:
            UsageError: it can't; the value is in the message.
        """
        if self.retry_failed and not self.resume:
            raise UsageError("--retry-failed needs --resume: what failed is in a run")
        for item in self.source.items:
            if bool(item.views) is not bool(self.recipe.views):
                has = ("several views", "one picture")[:: 1 if item.views else -1]
                raise UsageError(f"{one_line(item.id)}: has {has[0]}, parts of the recipe {has[1]}")
        for name in ("timeout", "max_seconds", "max_failures"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name}: must be more than 0, not {value!r}")

    @classmethod
    def of(
        cls,
        source: Source | AnyPath | Sequence[AnyPath],
        *,
        recipe: Recipe | AnyPath | None = None,
        references: AnyPath | None = None,
        first: int | None = None,
        draw: int = 0,
        out: AnyPath | None = None,
        store: str | None = None,
        categories: Sequence[str] = (),
        categorised: bool = False,
        limit: int | None = None,
        layout: Layout | None = None,
        max_pixels: int | None = None,
        watch: bool = False,
        settled: float | None = None,
        view_timeout: float | None = None,
        engine: Engine | None = None,
        resume: bool = False,
        retry_failed: bool = False,
        dry_run: bool = False,
        explore: bool = False,
        cache: AnyPath | None = None,
        weights: AnyPath | None = None,
        timeout: float | None = None,
        max_seconds: float | None = None,
        max_failures: int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Self:
        """A plan from what people say; whatever can't be done is refused here.

        Args:
            source: images, folders (searched recursively), MVTec-style roots (their test images),
                or one URL of object storage; or a source of one's own.
            recipe: a file, or the recipe itself; the embedded one by default.
            references: folder of known-good images, or of one such folder a category; by default
                the recipe's, else `train/good` of an MVTec-style category, else the folder itself.
            first: how many images of `train/good` to use; all by default.
            draw: which: 0 for the first by name, any other number for a draw of its own.
            out: folder for the results; `runs/<time>-<name>` by default.
            store: URL or SQLite file; `reinspect.db` beside `out` by default.
            categories: to take alone; all by default.
            categorised: take nothing but what belongs to a category.
            limit: images to inspect at most, the first ones.
            layout: of data sets; told by what is there by default.
            max_pixels: that an image may have; the recipe's limit by default.
            watch: inspect files as they arrive in the folders.
            settled: with `watch`, seconds for which a file must rest to be taken for whole.
            view_timeout: with `watch`, seconds that a part waits for its other views.
            engine: who inspects; this machine by default.
            resume: finish the run in `out`.
            retry_failed: with `resume`, try failed images again.
            dry_run: the plan is to be estimated, not carried out.
            explore: take the second look at every image, for the record.
            cache: folder for fits; that of the settings by default.
            weights: folder of models' weights; that of the settings by default.
            timeout: seconds that an image may take.
            max_seconds: wall time in seconds after which the run stops, to be resumed.
            max_failures: failed images at which it stops.
            tags: of the run, for people to find it by.

        Raises:
            UsageError: something is not there, or does not go together; one line.
            RecipeError: the recipe can't be read.
        """
        if resume and out is None:
            raise UsageError("--resume needs --out: the folder of the run to finish")
        if dry_run and resume:
            raise UsageError("--dry-run: tells of a new run; leave --resume out")
        if settled is not None and not watch:
            raise UsageError("settled: is for folders that fill; add watch")
        if settled is not None and not settled > 0:
            raise UsageError(f"settled: must be more than 0, not {settled!r}")
        if limit is not None and limit < 1:
            raise UsageError(f"limit: must be at least 1, not {limit!r}")
        paths = _paths_of(source)
        folder = Path(out) if out is not None else default_out(_name_of(paths))
        where = store or default_store(folder)
        chosen = _recipe_of(recipe, where)
        if max_pixels is not None:
            rules = chosen.pictures.model_copy(update={"max_pixels": max_pixels})
            chosen = chosen.model_copy(update={"pictures": rules})
        by = engine or Local()
        _refuse_with_views(chosen, source, view_timeout, watch=watch)
        given = None if references is None else Path(references)
        apart = [folder, *runs_beside(folder), *([given] if given else [])]
        with usage_errors():
            views = chosen.views.values()
            named = bool(given or chosen.references or (views and all(v.references for v in views)))
            if not isinstance(source, str | os.PathLike | Sequence):
                where_from: Source = source
            elif any(map(is_url, paths)):
                where_from = Bucket(paths, limit, chosen.patterns)
            elif watch:
                where_from = DropFolder(
                    paths,
                    tuple(apart),
                    limit,
                    settled or SETTLED,
                    chosen.patterns,
                    view_timeout or VIEW_TIMEOUT,
                    chosen.listed,
                )
            else:
                where_from = Listed.below(
                    paths,
                    exclude=apart,
                    categories=categories,
                    categorised=categorised,
                    limit=limit,
                    layout=layout,
                    all_good=named,
                    views=chosen.patterns,
                    rules=chosen.listed,
                )
            where_from.refuse(by, references=named, dry_run=dry_run)
            sets = reference_sets(where_from.found, chosen, given=given, first=first, draw=draw)
        where_from = _followed(where_from, sets, given or chosen.references)
        settings = Settings()
        return cls(
            source=where_from,
            recipe=chosen,
            references=sets,
            out=folder,
            store=where,
            engine=by,
            resume=resume,
            retry_failed=retry_failed,
            explore=explore,
            cache=Path(cache) if cache is not None else settings.cache_dir,
            weights=Path(weights) if weights is not None else settings.weights_dir,
            timeout=timeout,
            max_seconds=max_seconds,
            max_failures=max_failures,
            tags=dict(tags or {}),
        )

    def renewed(self, inspected: int = 0) -> "RunPlan | None":
        """The plan of the run that goes on by the version of the references that counts now.

        None where as many images as it takes have been inspected.

        Args:
            inspected: how many images its run has inspected now, of a folder that fills.

        Raises:
            UsageError: the references can't be read.
        """
        now, source = ReferenceVersion.parse(self.references.origin), self.source
        if now is None:
            raise UsageError(f"{self.out}: its references have no versions")
        folder, limit = Path(now.folder), None
        if isinstance(source, DropFolder) and source.limit is not None:
            limit = source.limit - inspected
            if limit <= 0:
                return None
        with usage_errors():
            sets = reference_sets((), self.recipe, given=folder)
        version = ReferenceVersion.parse(sets.origin)
        if isinstance(source, DropFolder):
            source = replace(source, limit=limit, newer=newer_than(sets, folder))
        return replace(
            self,
            references=sets,
            source=source,
            out=beside(self.out, version.number if version else 0),
            resume=False,
            retry_failed=False,
        )

    @property
    def context(self) -> BuildContext:
        """What the graph is built from, with the run's folder for its pictures."""
        return BuildContext(
            recipe=self.recipe,
            references=self.references,
            pictures=Pictures(self.out / "pictures"),
            cache=self.cache,
            weights=self.weights,
        )


def _refuse_with_views(
    recipe: Recipe, source: object, seconds: float | None, *, watch: bool
) -> None:
    """Refuse to ask for one view alone, and to wait for views that don't arrive one by one.

    Raises:
        UsageError: it is asked for.
    """
    if recipe.views and isinstance(source, OnRequest):
        raise UsageError("--on-request: asks for one picture; this recipe has views")
    if seconds is None:
        return
    if not (watch and recipe.views):
        raise UsageError("view_timeout: is for folders that fill, and a recipe with views")
    if not seconds > 0:
        raise UsageError(f"view_timeout: must be more than 0, not {seconds!r}")


def _followed(source: Source, sets: ReferenceSets, place: object) -> Source:
    """A folder that fills ends its run when another version of the references counts."""
    if not isinstance(source, DropFolder):
        return source
    return replace(source, newer=newer_than(sets, place))


def newer_than(sets: ReferenceSets, place: object) -> Callable[[], bool] | None:
    """Tells whether another version counts than judges; None where a run is of one for good.

    Args:
        sets: what judges.
        place: that they were named by.
    """
    version = ReferenceVersion.parse(sets.origin)
    if version is None or not isinstance(place, str | os.PathLike) or not Path(place).is_dir():
        return None  # `SET@3` names it for good

    def newer() -> bool:
        try:
            counts = version_at(version.folder)
        except VersionsError:
            return False
        return counts is not None and counts.number != version.number

    return newer


def line_of(name: str) -> str:
    """What the runs that went on from each other have in common in their names."""
    return re.sub(r"-v\d+(-\d+)?$", "", name)


def beside(out: Path, number: int) -> Path:
    """The folder of the run that goes on: its version in its name, and not in use."""
    name = f"{line_of(out.name)}-v{number}"
    again = itertools.chain([name], (f"{name}-{times}" for times in itertools.count(2)))
    return next(place for it in again if not (place := out.with_name(it)).exists())


def _paths_of(source: Source | AnyPath | Sequence[AnyPath]) -> tuple[str, ...]:
    if isinstance(source, str | os.PathLike):
        return (os.fspath(source),)
    named: Iterable[AnyPath] = source if isinstance(source, Sequence) else source.paths
    return tuple(os.fspath(path) for path in named)


def _name_of(paths: tuple[str, ...]) -> str:
    """What a run is called that nobody gave a name: after its first source."""
    if not paths:
        raise UsageError("no path to inspect: give an image or a folder")
    far = next(filter(is_url, paths), None)
    return name_of(far) if far else Path(paths[0]).absolute().name


def _recipe_of(recipe: Recipe | AnyPath | None, store: str) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    return Recipe() if recipe is None else load_recipe(Path(recipe), critics=critics_beside(store))
