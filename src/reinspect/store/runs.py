"""What a store keeps of a run, and whether a run may be resumed as it was begun."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, Field, FiniteFloat
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session
from sqlmodel import col

from reinspect.store import tables
from reinspect.vocabulary import Value


class Status(StrEnum):
    """Whether a run is done. One that was killed stays `running` until it is resumed."""

    RUNNING = "running"
    DONE = "done"
    INTERRUPTED = "interrupted"


class RunInfo(Value):
    """A run as it begins."""

    name: str = Field(min_length=1, description="Unique in its store.")
    folder: str | None = Field(default=None, description="Where its results go, absolute.")
    recipe: str = Field(default="", description="The recipe as used, YAML.")
    fingerprint: Mapping[str, str] = Field(
        default_factory=dict,
        description="What verdicts depend on: part (recipe, references, …) → hash or version.",
    )
    sources: tuple[str, ...] = Field(default=(), description="The inspected paths, absolute.")
    versions: Mapping[str, str] = Field(
        default_factory=dict,
        description="Package → version; references → their folder, or which version of a set.",
    )
    started: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    tags: Mapping[str, str] = Field(
        default_factory=dict, description="As `--line` and `--tag` name it: line → 3, lot → A7."
    )
    explored: bool = Field(default=False, description="Every image got a second look (--explore).")


class Run(RunInfo):
    """A run in the store."""

    id: int
    status: Status
    finished: AwareDatetime | None = None
    counters: Mapping[str, FiniteFloat] = Field(default_factory=dict)

    def name_of(self, path: str) -> str:
        """A picture's path relative to the source that it lies in, POSIX."""
        file = Path(path).absolute()
        for source in self.sources:
            if file.is_relative_to(source):
                return file.relative_to(source).as_posix()
        return file.as_posix()


def lock_runs(connection: Connection | Session, run_ids: Iterable[int]) -> None:
    """Keep other transactions from writing to these runs until this one ends.

    Always in the same order, so that two don't wait for each other. SQLite has one writer anyhow.
    """
    runs = col(tables.RunTable.id)
    held = select(runs).where(runs.in_(run_ids)).order_by(runs).with_for_update(key_share=True)
    connection.execute(held).all()


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What differs between two fingerprints, in words, one line a part; empty if nothing does."""
    parts = sorted(old.keys() | new.keys())
    return [
        f"{part}: was {_short(old.get(part))}, is now {_short(new.get(part))}"
        for part in parts
        if old.get(part) != new.get(part)
    ]


def _short(value: str | None) -> str:
    if value is None:
        return "none"
    return value if len(value) <= 20 else f"{value[:12]}…"
