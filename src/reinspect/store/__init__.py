"""The trace store: every run, every step, in one database."""

from reinspect.store.database import StoreError
from reinspect.store.desk import Choices, Desk, Page
from reinspect.store.readings import Inspected
from reinspect.store.reviews import Caption, NewCaption, Opinion, Review
from reinspect.store.rows import Checked, Look, Row
from reinspect.store.runs import Run, RunInfo, Status, differences
from reinspect.store.search import Filter, Order, Reviewed, Span
from reinspect.store.store import Known, Store, Tally, Truth
from reinspect.store.writer import Writer

__all__ = [
    "Caption",
    "Checked",
    "Choices",
    "Desk",
    "Filter",
    "Inspected",
    "Known",
    "Look",
    "NewCaption",
    "Opinion",
    "Order",
    "Page",
    "Review",
    "Reviewed",
    "Row",
    "Run",
    "RunInfo",
    "Span",
    "Status",
    "Store",
    "StoreError",
    "Tally",
    "Truth",
    "Writer",
    "differences",
]
