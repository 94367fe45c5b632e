"""The trace store: every run, every step, in one database."""

from reinspect.store.database import StoreError
from reinspect.store.rows import Look, Row
from reinspect.store.runs import Run, RunInfo, Status, differences
from reinspect.store.store import Inspected, Known, Store, Tally, Truth
from reinspect.store.writer import Writer

__all__ = [
    "Inspected",
    "Known",
    "Look",
    "Row",
    "Run",
    "RunInfo",
    "Status",
    "Store",
    "StoreError",
    "Tally",
    "Truth",
    "Writer",
    "differences",
]
