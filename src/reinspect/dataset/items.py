"""One file to inspect, before it is read; what goes wrong with data sets."""

import os
from typing import NamedTuple

from reinspect.dataset.understood import Layout
from reinspect.errors import ReinspectError

AnyPath = str | os.PathLike[str]


class DataError(ReinspectError, ValueError):
    """Pictures, references or annotations that are not as they should be; one line."""


class NotThereError(ReinspectError, FileNotFoundError):
    """There is no such picture or folder; the message is one line."""


class ViewFile(NamedTuple):
    """The file of one view of a part."""

    name: str
    path: str
    root: str | None = None
    """The folder of its category."""
    layout: Layout | None = None


class Item(NamedTuple):
    """One file to inspect, not yet read. It may turn out to be unreadable."""

    id: str
    """Path relative to the inspected folder, POSIX; unique among the items of one source."""
    path: str
    category: str | None = None
    root: str | None = None
    """The category's folder."""
    layout: Layout | None = None
    """Of the category, where somebody has named it."""
    views: tuple[ViewFile, ...] = ()
    """Of a part with several views: each that is there, in their order; none of any other."""

    @property
    def files(self) -> dict[str | None, str]:
        """View → its path; of a part with one picture, None → that."""
        return {view.name: view.path for view in self.views} or {None: self.path}

    def of_view(self, name: str) -> "Item | None":
        """The part as if it had this view alone; none where that is missing."""
        for view in self.views:
            if view.name == name:
                return self._replace(path=view.path, root=view.root, layout=view.layout, views=())
        return None
