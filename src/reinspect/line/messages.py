"""What is published, as JSON: small, with a schema. `docs/line.md` has both."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from reinspect.store.outbox import PendingVerdict
from reinspect.store.rows import rounded
from reinspect.vocabulary import Label, Outcome, Value

BOXES = 16
REASON = 300


class PublishedVerdict(Value):
    """One part: what the line has to know of it."""

    number: int = Field(
        ge=1,
        description="Counts up by one within a run: a gap is a message that was missed, a number "
        "that was there before the same message once more.",
    )
    run: str
    part: str = Field(
        description="The picture's path in the watched folder; of the API its id and the client's "
        "name for it."
    )
    category: str | None
    disposition: Outcome
    label: Label | None = Field(description="Of the final verdict; null where there is none.")
    p: float | None = Field(ge=0, le=1, description="Probability that the part is anomalous.")
    reliability: float | None = Field(ge=0, le=1, description="Probability that the label holds.")
    reason: str = Field(description=f"Of the disposition; {REASON} characters at most.")
    boxes: tuple[tuple[float, float, float, float], ...] = Field(
        description=f"x1, y1, x2, y2 of its defects, 0 to 1 of the picture's width and height; the "
        f"{BOXES} surest at most."
    )
    trace: str = Field(
        description="Where every step stands: an address of the API, or of the console."
    )
    stored: AwareDatetime = Field(description="When the verdict was stored.")

    @classmethod
    def of(cls, pending: PendingVerdict, *, run: str, trace: str) -> "PublishedVerdict":
        """The message of a stored verdict."""
        row = pending.inspected.row
        verdict = row.verdict
        surest = sorted(row.defects, key=lambda defect: -defect.score)[:BOXES]
        return cls(
            number=pending.number,
            run=run,
            part=row.image,
            category=row.category,
            disposition=row.disposition,
            label=verdict.label if verdict else None,
            p=rounded(verdict.probability) if verdict else None,
            reliability=None if row.reliability is None else rounded(row.reliability),
            reason=row.error[:REASON] if row.error else row.reason[:REASON],
            boxes=tuple(_corners(defect.box) for defect in surest),
            trace=trace,
            stored=pending.stored,
        )


class InspectRequest(Value):
    """What somebody asks for on the topic `inspect`."""

    part: str = Field(default="", description="Its name; the path where it is empty.")
    path: str = Field(description="Of the file, below one of the run's folders.")


class InspectRefusal(Value):
    """Why it is not done."""

    request: str = Field(description="As it came, cut short.")
    detail: str


class Presence(StrEnum):
    """Whether somebody inspects."""

    INSPECTING = "inspecting"
    STOPPED = "stopped"
    LOST = "lost"
    """Said by the broker, where the program went without a word."""


class LineState(Value):
    """Who publishes, and whether it is there; retained, so that it is known at once."""

    state: Presence
    run: str
    version: str = Field(description="Of reinspect.")
    since: AwareDatetime = Field(description="When it connected, or stopped.")


def _corners(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(corner, 4) for corner in box)
    return x1, y1, x2, y2
