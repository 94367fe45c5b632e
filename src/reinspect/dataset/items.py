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
