"""What a run's model calls took, as its counters say; none where no model was asked."""

from reinspect.store import Run


def tokens(run: Run) -> float | None:
    """Tokens in and out."""
    parts = [run.counters.get(f"model_tokens_{way}") for way in ("in", "out")]
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def usd(run: Run) -> float | None:
    """The cost in USD; none where a call's price is not known, for that is not nothing."""
    return None if run.counters.get("model_unpriced") else run.counters.get("model_usd")


def unread(run: Run) -> float | None:
    """Parse failures: answers that could not be read."""
    return run.counters.get("model_unread")
