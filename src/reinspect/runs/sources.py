"""Where the images of a run come from: listed paths, a folder that fills, object storage."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from reinspect.census import Census, CensusTaker
from reinspect.dataset import (
    MANIFEST,
    NO_VIEW,
    UNREAD_TABLES,
    AnyPath,
    Item,
    Layout,
    Patterns,
    discover,
    parts_of,
    unusable,
    view_notes,
)
from reinspect.engine.roles import Engine
from reinspect.runs.arriving_parts import VIEW_TIMEOUT, ArrivingParts
from reinspect.runs.defaults import UsageError
from reinspect.runs.drop_folder import SETTLED, Arrivals
from reinspect.runs.remaining import Done, contents_of, left, of_fewer_views
from reinspect.sensing import PLAIN, FileRules
from reinspect.storage import is_url, pictures_below


@dataclass(frozen=True, slots=True)
class Feed:
    """What a run still has to inspect."""

    items: Iterable[Item | None]
    """None among them: nothing has arrived just now."""
    total: int | None
    """How many there are; None where nobody knows."""
    stop: Callable[[], None] | None = None
    """Lets nothing more arrive, so that the run ends in good order; None where all is listed."""
    replaces: dict[str, str] = field(default_factory=dict)
    """Id of an image → hash of a content that was no more than its beginning: filled meanwhile."""
    superseded: Callable[[], bool] = lambda: False
    """Whether it ended because another version of the references counts."""


class Source(Protocol):
    """Where the images of a run come from."""

    @property
    def paths(self) -> tuple[str, ...]:
        """As they were named: paths, or a URL."""
        ...

    @property
    def absolute(self) -> tuple[str, ...]:
        """As the store keeps them with the run."""
        ...

    @property
    def found(self) -> tuple[Item, ...]:
        """All images that are there before the run begins: a folder may be its own reference."""
        ...

    @property
    def items(self) -> tuple[Item, ...]:
        """Those of them that are to be inspected; their truth is read before the run begins."""
        ...

    def refuse(self, engine: Engine, *, references: bool, dry_run: bool) -> None:
        """Refuse what can't be done with such a source.

        Args:
            engine: who would inspect.
            references: whether known-good images are named.
            dry_run: whether an estimate is asked for, instead of a run.

        Raises:
            UsageError: it can't be done.
        """
        ...

    def feed(self, done: Done) -> Feed:
        """What is to be inspected, without what was done before."""
        ...


@runtime_checkable
class Counting(Protocol):
    """A source that knows how many files it has looked at; one of your own need not."""

    @property
    def census(self) -> Census:
        """What it has taken, and what it has left out."""
        ...


def census_of(source: Source) -> Census | None:
    """What a source has looked at; None where it doesn't count."""
    return source.census if isinstance(source, Counting) else None


@dataclass(frozen=True, slots=True)
class Listed:
    """Images of this machine, listed when the run is planned."""

    paths: tuple[str, ...] = ()
    found: tuple[Item, ...] = ()
    limit: int | None = None
    """Images to inspect at most, the first ones."""
    seen: Census = field(default_factory=Census)
    """All files that were looked at, before the limit."""
    notes: tuple[str, ...] = ()
    """What is to be said of the parts' views, a line each; nothing of parts with one picture."""

    @classmethod
    def below(
        cls,
        paths: Sequence[AnyPath],
        *,
        exclude: Sequence[Path] = (),
        categories: Sequence[str] = (),
        categorised: bool = False,
        limit: int | None = None,
        layout: Layout | None = None,
        all_good: bool = False,
        views: Patterns | None = None,
        rules: FileRules = PLAIN,
    ) -> Self:
        """List images, folders, MVTec-style roots.

        Args:
            paths: where to look.
            exclude: folders to pass over.
            categories: to take; all by default.
            categorised: take what belongs to a category alone.
            limit: images to inspect at most.
            layout: of data sets; told by what is there by default.
            all_good: take all good pictures of a data set that doesn't say which are references.
            views: of the parts, with the pattern of each one's files; parts have one picture where
                there are none.
            rules: which files are parts besides pictures and recordings.

        Raises:
            NotThereError: a path does not exist.
            DataError: a file is of two views, or a part has two files of one.
            UsageError: nothing is left to inspect, or a category is not there.
        """
        listing = discover(
            paths,
            exclude=exclude,
            layout=layout,
            all_good=all_good,
            unsplit=categorised,
            rules=rules,
        )
        listed = list(listing)
        of_no_view: tuple[str, ...] = ()
        if views:
            listed, of_no_view = parts_of(listed, views)
        every = [item for item in listed if item.category or not categorised]
        known = sorted({item.category for item in every if item.category})
        for name in categories:
            if name not in known:
                raise UsageError(f"no category {name!r}; there are: {', '.join(known) or 'none'}")
        found = tuple(item for item in every if not categories or item.category in categories)
        if of_no_view and not listed:
            tables = (unusable(path) for path in paths if None in (views or {}).values())
            why = next(filter(None, tables), None)
            raise UsageError(_no_view(", ".join(map(str, paths)), views or {}, why))
        if not found:
            what = "MVTec-style categories" if categorised else "images"
            raise UsageError(f"no {what} in {', '.join(map(str, paths))}{_unread(listing.census)}")
        loose = [item.id for item in listed if categorised and not item.category]
        others = [item.id for item in every if categories and item.category not in categories]
        seen = listing.census.without(NO_VIEW, [*of_no_view])
        seen = seen.without("in no category", loose).without("of other categories", others)
        notes = tuple(view_notes(found, views)) if views else ()
        return cls(tuple(map(str, paths)), found, limit, seen, notes)

    @property
    def census(self) -> Census:
        """See `Counting`."""
        rest = [item.id for item in self.found[len(self.items) :]]
        return self.seen.without("beyond the limit", rest)

    @property
    def absolute(self) -> tuple[str, ...]:
        """See `Source`."""
        return tuple(str(Path(path).absolute()) for path in self.paths)

    @property
    def items(self) -> tuple[Item, ...]:
        """See `Source`."""
        return self.found[: self.limit]

    def refuse(self, engine: Engine, *, references: bool, dry_run: bool) -> None:
        """There is nothing that can't be done."""

    def feed(self, done: Done) -> Feed:
        """See `Source`."""
        return _feed(self.items, done)


def _no_view(where: str, views: Patterns, why: str | None = None) -> str:
    said = ", ".join(f"{name} ({pattern or MANIFEST})" for name, pattern in views.items())
    return f"{where}: no file is of a view: {said}{f'; {why}' if why else ''}"


def _unread(census: Census) -> str:
    left = census.left_out.get(UNREAD_TABLES)
    return f"; {left.count} files are {UNREAD_TABLES} ({left.examples[0]} …)" if left else ""


def _feed(items: Iterable[Item], done: Done) -> Feed:
    """What is listed and still to be inspected."""
    rest, known = left(items, done), contents_of(done)
    fewer = {item.id: of_fewer_views(item, known.get(item.id, set())) for item in rest}
    replaces = {name: content for name, content in fewer.items() if content is not None}
    return Feed(rest, len(rest), replaces=replaces)


@dataclass(frozen=True, slots=True)
class FoldersAhead:
    """Folders whose parts are not known before the run begins."""

    paths: tuple[str, ...]

    @property
    def absolute(self) -> tuple[str, ...]:
        """See `Source`."""
        return tuple(str(Path(path).absolute()) for path in self.paths)

    @property
    def found(self) -> tuple[Item, ...]:
        """Nothing: what lies there already comes like the rest."""
        return ()

    items = found


@dataclass(frozen=True, slots=True)
class DropFolder(FoldersAhead):
    """Folders that fill: their files as they arrive, until the run is told to stop."""

    exclude: tuple[Path, ...] = ()
    """Folders below whose files are not to be inspected."""
    limit: int | None = None
    """Images to inspect at most."""
    settled: float = SETTLED
    """Seconds for which a file must rest to be taken for whole."""
    views: Patterns = field(default_factory=dict)
    """Of the parts, with the pattern of each one's files; none of parts with one picture."""
    view_timeout: float = VIEW_TIMEOUT
    """Seconds that a part waits for its other views."""
    rules: FileRules = PLAIN
    """Which files are parts besides pictures and recordings."""
    newer: Callable[[], bool] | None = None
    """Whether another version of the references counts now, which ends the run."""

    @property
    def census(self) -> Census:
        """See `Counting`: as the folders are now."""
        listing = discover(
            self.paths, exclude=self.exclude, layout=Layout.FOLDERS, rules=self.rules
        )
        for _ in listing:
            pass
        return listing.census

    def refuse(self, engine: Engine, *, references: bool, dry_run: bool) -> None:
        """See `Source`."""
        if not engine.follows:
            raise UsageError("--engine ray: can't follow a folder that fills")
        if dry_run:
            raise UsageError("--dry-run: can't tell what will arrive; leave --watch out")
        for path in self.paths:
            if not Path(path).is_dir():
                raise UsageError(
                    f"{path}: is no folder; --watch takes folders that files arrive in"
                )
        if not references:
            raise UsageError(
                f"{self.paths[0]}: a folder that fills can't be its own reference; name known-good "
                "images with --references"
            )

    def feed(self, done: Done) -> Feed:
        """See `Source`."""
        folders = [Path(path) for path in self.paths]
        if self.views:
            files = Arrivals(
                folders,
                exclude=self.exclude,
                settled=self.settled,
                rules=self.rules,
                newer=self.newer,
            )
            parts = ArrivingParts(
                files, self.views, done=done, limit=self.limit, timeout=self.view_timeout
            )
            return Feed(parts, None, files.stop, parts.replaces, lambda: files.superseded)
        arrivals = Arrivals(
            folders,
            exclude=self.exclude,
            done=done,
            limit=self.limit,
            settled=self.settled,
            rules=self.rules,
            newer=self.newer,
        )
        return Feed(arrivals, None, arrivals.stop, arrivals.replaces, lambda: arrivals.superseded)


@dataclass(frozen=True)
class Bucket:
    """A folder of object storage, by its URL; each image's path is its own URL.

    It is listed when its images are first asked for.
    """

    paths: tuple[str, ...]
    limit: int | None = None
    """Images to inspect at most, the first ones."""
    views: Patterns = field(default_factory=dict)
    """Of the parts, with the pattern of each one's files; none of parts with one picture."""

    @property
    def url(self) -> str:
        """The one URL."""
        return next(filter(is_url, self.paths))

    @property
    def absolute(self) -> tuple[str, ...]:
        """See `Source`."""
        return (self.url,)

    @property
    def found(self) -> tuple[Item, ...]:
        """See `Source`.

        Raises:
            StorageError: it can't be read.
            UsageError: there is nothing to inspect.
        """
        return self._listed[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the parts' views, a line each."""
        return tuple(view_notes(self.found, self.views)) if self.views else ()

    @property
    def census(self) -> Census:
        """See `Counting`."""
        found, seen = self._listed
        return seen.without("beyond the limit", [item.id for item in found[len(self.items) :]])

    @cached_property
    def _listed(self) -> tuple[tuple[Item, ...], Census]:
        counted = CensusTaker()
        found = [Item(id=one.id, path=one.url) for one in pictures_below(self.url, counted)]
        if not found:
            raise UsageError(f"no images in {self.url}")
        if not self.views:
            return tuple(found), counted.census
        parts, others = parts_of(found, self.views)
        if not parts:
            raise UsageError(_no_view(self.url, self.views))
        return tuple(parts), counted.census.without(NO_VIEW, [*others])

    @property
    def items(self) -> tuple[Item, ...]:
        """See `Source`."""
        return self.found[: self.limit]

    def refuse(self, engine: Engine, *, references: bool, dry_run: bool) -> None:
        """See `Source`."""
        for given, why in (
            (not engine.fetches, "add --engine ray, which reads it; else copy or mount it here"),
            (len(self.paths) > 1, "is inspected alone: one URL a run, and no paths beside it"),
            (dry_run, "--dry-run reads folders of this machine; try some of it with --limit"),
            (
                bool(self.views) and None in self.views.values(),
                f"a {MANIFEST} is not read there: give each view in the recipe a pattern",
            ),
            (
                not references,
                "what lies in object storage can't be its own reference; name known-good images "
                "with --references",
            ),
        ):
            if given:
                raise UsageError(f"{self.url}: {why}")

    def feed(self, done: Done) -> Feed:
        """See `Source`."""
        return _feed(self.items, done)
