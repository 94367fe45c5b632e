"""Three sentences for each kind of inspection."""

from datetime import UTC, datetime

import pytest

from reinspect.export.in_words import in_words
from reinspect.store import Review, Row
from reinspect.trace import Trace
from reinspect.vocabulary import Label, Outcome, Truth, Verdict
from support.made_traces import corrected, judged, unreadable
from support.odd_texts import LONG

GOOD = Truth(label=Label.NORMAL)


def review(reviewer: str, after: Verdict | None) -> Review:
    return Review(
        id=1,
        inspection_id=1,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        reviewer=reviewer,
        before=None,
        after=after,
    )


@pytest.mark.parametrize(
    ("trace", "truth", "reviews", "what"),
    [
        pytest.param(judged("a", 0.1, Outcome.PASS), None, (), "Called good.", id="good"),
        pytest.param(
            judged("a", 0.9, Outcome.FAIL),
            GOOD,
            (),
            "Called defective in 1 place. The annotation says normal: the verdict was wrong.",
            id="a false alarm",
        ),
        pytest.param(
            judged("a", 0.9, Outcome.FAIL),
            GOOD,
            (review("Ann", Verdict.of(0.0)), review("Bob", Verdict.of(1.0))),
            "Called defective in 1 place. Bob says anomalous: the verdict was right.",
            id="a review outweighs the annotation",
        ),
        pytest.param(
            judged("a", 0.6, Outcome.REVIEW),
            None,
            (review("Ann", Verdict.of(0.0)), review("Ann", None)),
            "Not decided: it waits for a person. The verdict leans to anomalous.",
            id="a review was taken back",
        ),
        pytest.param(
            unreadable("a"),
            GOOD,
            (),
            "Not judged: it waits for a person. The annotation says normal.",
            id="no verdict",
        ),
    ],
)
def test_what_came_of_it(
    trace: Trace, truth: Truth | None, reviews: tuple[Review, ...], what: str
) -> None:
    assert in_words(Row.of(trace), trace, truth, reviews).what == what


@pytest.mark.parametrize(
    ("trace", "why", "sure"),
    [
        pytest.param(
            corrected("a"),
            "Flagged; looked at again, anomaly map says normal, anomaly map says normal; "
            "so it was changed from anomalous.",
            "Of a hundred such verdicts about 90 are right.",
            id="changed",
        ),
        pytest.param(
            judged("a", 0.9, Outcome.FAIL),
            "No reason was given.",
            "Of a hundred such verdicts about 90 are right.",
            id="no words",
        ),
        pytest.param(
            unreadable("a", error="is\nno <b>image</b>."),
            "A step failed: is no <b>image</b>.",
            "How sure this is was not estimated.",
            id="failed",
        ),
    ],
)
def test_why_and_how_sure(trace: Trace, why: str, sure: str) -> None:
    told = in_words(Row.of(trace), trace, None, ())
    assert (told.why, told.sure) == (why, sure)


def test_a_long_rationale_is_cut() -> None:
    trace = judged("a", 0.7, Outcome.FAIL)
    detect = trace.steps[0].model_copy(update={"products": (Verdict.of(0.7, rationale=LONG),)})
    trace = trace.model_copy(update={"steps": (detect, *trace.steps[1:])})
    assert len(in_words(Row.of(trace), trace, None, ()).why) < 200
