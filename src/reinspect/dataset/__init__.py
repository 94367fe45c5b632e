"""Data sets as people have them: what there is to inspect, its references, its truth."""

from reinspect.dataset.categories import categories, item_at, sample_at
from reinspect.dataset.converting import Conversion, Target, convert
from reinspect.dataset.items import AnyPath, DataError, Item, NotThereError, ViewFile
from reinspect.dataset.manifest import MANIFEST, unusable
from reinspect.dataset.references import ReferenceFiles, known_good, references_in
from reinspect.dataset.summary import understood
from reinspect.dataset.truth import Unread, said_of_unread, truth_of
from reinspect.dataset.understood import Layout
from reinspect.dataset.versions import (
    ConfirmedDefect,
    NewReference,
    ReferenceVersion,
    ReferenceVersions,
    VersionsError,
    version_at,
)
from reinspect.dataset.views import (
    NO_VIEW,
    Patterns,
    is_of,
    part_of_files,
    parts_of,
    place_of,
    view_in_table,
    view_notes,
)
from reinspect.dataset.walk import UNREAD_TABLES, Listing, discover

__all__ = [
    "MANIFEST",
    "NO_VIEW",
    "UNREAD_TABLES",
    "AnyPath",
    "ConfirmedDefect",
    "Conversion",
    "DataError",
    "Item",
    "Layout",
    "Listing",
    "NewReference",
    "NotThereError",
    "Patterns",
    "ReferenceFiles",
    "ReferenceVersion",
    "ReferenceVersions",
    "Target",
    "Unread",
    "VersionsError",
    "ViewFile",
    "categories",
    "convert",
    "discover",
    "is_of",
    "item_at",
    "known_good",
    "part_of_files",
    "parts_of",
    "place_of",
    "references_in",
    "said_of_unread",
    "sample_at",
    "truth_of",
    "understood",
    "unusable",
    "version_at",
    "view_in_table",
    "view_notes",
]
