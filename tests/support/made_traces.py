"""Made-up traces."""

import hashlib
from pathlib import Path

from reinspect.policies.fusion import ViewedPart
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Decision,
    Defect,
    Disposition,
    Evidence,
    Explanation,
    Move,
    Outcome,
    Picture,
    Region,
    Revision,
    Rle,
    Sample,
    Verdict,
    View,
)

HASH = "0" * 64


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def sample(image: str, *, content: str | None = None, path: str | None = None) -> Sample:
    view = View(path=path or f"/parts/{image}", sha256=sha256(content or image))
    return Sample(id=image, category="bolt", views=(view,))


def corrected(image: str, **where: str) -> Trace:
    """A part that was given as anomalous and, after a second look, as normal, with all values."""
    spot = Defect(
        box=Box(0.1, 0.2, 0.3, 0.4),
        score=1 / 3,
        type="scratch",
        mask=Rle(size=(4, 4), counts="02203ON5"),
    )
    heat = Picture(path="pictures/heat.png", sha256=HASH, shows="heat-map")
    seen = Evidence(
        source="anomaly map",
        summary="a spot of 14×9 px",
        probability=0.1 + 0.2,
        regions=(Region(box=spot.box, score=7.5),),
        measurements={"peak": 7.5},
        pictures=(heat,),
    )
    first = Verdict.of(0.7, defects=(spot,), rationale="a bright line", evidence=(seen,))
    final = Verdict.of(0.2, rationale="the line is on the reference, too")
    steps = (
        Step(node="detect", products=(first,), seconds=0.1),
        Step(
            node="assess",
            products=(
                Assessment(
                    confidence=0.7, reliability=0.4, reasons=("close",), signals={"margin": 0.2}
                ),
                Decision(move=Move.REVISIT, policy="doubt", reason="reliability below 0.5"),
            ),
        ),
        Step(node="examine", round=1, products=(seen, seen), seconds=0.2),
        Step(
            node="revise",
            round=1,
            products=(Revision(move=Move.CORRECT, after=final, reflection="no spot"),),
        ),
        Step(
            node="assess",
            round=1,
            products=(
                Assessment(confidence=0.8, reliability=0.9),
                Decision(move=Move.ACCEPT, policy="doubt"),
            ),
        ),
        Step(node="explain", products=(Explanation(first="flagged", final="cleared"),)),
        Step(node="settle", products=(Disposition(outcome=Outcome.PASS, reason="reliable"),)),
    )
    return Trace(sample=sample(image, **where), steps=steps)


def judged(image: str, probability: float, outcome: Outcome, **where: str) -> Trace:
    """A part with a first look only."""
    defects = (Defect(box=Box(0.25, 0.5, 0.5, 0.75), score=2.0),) if probability >= 0.5 else ()
    verdict = Verdict.of(probability, defects=defects)
    assessment = Assessment(confidence=verdict.confidence, reliability=verdict.confidence)
    steps = (
        Step(node="detect", products=(verdict,), seconds=0.5),
        Step(node="assess", products=(assessment,)),
        Step(node="settle", products=(Disposition(outcome=outcome, reason="clear"),)),
    )
    return Trace(sample=sample(image, **where), steps=steps)


def unreadable(image: str, error: str = "is no image") -> Trace:
    """A part whose file can't be read."""
    nowhere = Sample(id=image, views=(View(path=f"/parts/{image}", sha256=None),))
    disposition = Disposition(outcome=Outcome.REVIEW, reason="there is no verdict")
    return Trace(
        sample=nowhere,
        steps=(
            Step(node="detect", error=error),
            Step(node="settle", products=(disposition,)),
        ),
    )


def explored(image: str) -> Trace:
    """A part that was accepted at the first look, and looked at again for the record."""
    looked = corrected(image)
    detect, _, *second, explain, settle = looked.steps
    decision = Decision(move=Move.ACCEPT, policy="doubt")
    assess = Step(node="assess", products=(Assessment(confidence=0.7, reliability=0.7), decision))
    main = [(step, False) for step in (detect, assess)]
    branch = [(step, True) for step in second]
    return Trace.of(looked.sample, [*main, *branch, (explain, False), (settle, False)])


def of_two_views(image: str, *, front: Path) -> Trace:
    """A part whose back is a file of its own, a copy of the front, and has a defect."""
    back = front.with_name(f"back-{front.name}")
    back.write_bytes(front.read_bytes())
    content = hashlib.sha256(front.read_bytes()).hexdigest()
    seen = {
        "front": judged(image, 0.1, Outcome.PASS),
        "back": judged(image, 0.7, Outcome.REVIEW),
    }
    views = tuple(
        View(path=str(path), sha256=content, size=(160, 120), name=name)
        for name, path in (("front", front), ("back", back))
    )
    part = ViewedPart(seen)
    steps = [
        step.model_copy(update={"view": name}) for name, own in seen.items() for step in own.steps
    ]
    first, assessment = part.first, part.assessment
    assert first is not None
    assert assessment is not None
    settled = Disposition(outcome=Outcome.REVIEW, reason="reliability 0.70 is low")
    steps += [
        Step(node="fuse", products=(first, assessment, part.decision)),
        Step(node="settle", products=(settled,)),
    ]
    return Trace(sample=Sample(id=image, category="bolt", views=views), steps=tuple(steps))
