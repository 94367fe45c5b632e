"""The trace store: every run, every step, in one database."""

from reinspect.store.browse import Browse, Choices, Page
from reinspect.store.comments import Comment, RecentComment
from reinspect.store.database import StoreError, UnknownRunError
from reinspect.store.inspected import Inspected
from reinspect.store.reviews import Caption, NewCaption, PictureReview, Review, ReviewOpinion
from reinspect.store.rows import Checked, Row
from reinspect.store.runs import Run, RunInfo, Status, differences
from reinspect.store.search import Filter, Order, Period, Reviewed, Span, Standing
from reinspect.store.store import Store, Tally
from reinspect.store.type_names import TypeName, TypeNames
from reinspect.store.writer import Writer

__all__ = [
    "Browse",
    "Caption",
    "Checked",
    "Choices",
    "Comment",
    "Filter",
    "Inspected",
    "NewCaption",
    "Order",
    "Page",
    "Period",
    "PictureReview",
    "RecentComment",
    "Review",
    "ReviewOpinion",
    "Reviewed",
    "Row",
    "Run",
    "RunInfo",
    "Span",
    "Standing",
    "Status",
    "Store",
    "StoreError",
    "Tally",
    "TypeName",
    "TypeNames",
    "UnknownRunError",
    "Writer",
    "differences",
]
