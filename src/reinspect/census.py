"""What a run looked at, what it left out."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from reinspect.vocabulary import Value

EXAMPLES = 3
"""Names that are kept of each kind."""


def printable(text: str) -> str:
    """`text` on one line, escapes and the like written out: names of files may hold any."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


class Omission(Value):
    """Files that were left out for one reason."""

    count: int
    examples: tuple[str, ...] = Field(description="The first of their names.")


class Census(Value):
    """How many files there were, and what became of them."""

    looked_at: int = 0
    taken: int = Field(default=0, description="As pictures to inspect.")
    left_out: Mapping[str, Omission] = Field(default_factory=dict, description="Why → which.")

    @property
    def line(self) -> str:
        """In words, for people."""
        said = f"Looked at {_files(self.looked_at)}: {self.taken} to inspect"
        for why, which in self.left_out.items():
            more = ", …" if which.count > 1 else ""  # `counters.json` has more of them
            said += f"; {which.count} {why} ({which.examples[0]}{more})"
        return printable(said)

    def without(self, why: str, names: list[str]) -> "Census":
        """The census with some of what was taken left out after all."""
        if not names:
            return self
        counted = CensusTaker(self)
        for name in names:
            counted.leave(why, name, listed=True)
        return counted.census


class CensusTaker:
    """Counts files as they are listed."""

    def __init__(self, before: Census | None = None) -> None:
        self._looked_at = before.looked_at if before else 0
        self._counts: dict[str, int] = {}
        self._examples: dict[str, tuple[str, ...]] = {}
        for why, which in (before.left_out if before else {}).items():
            self._counts[why], self._examples[why] = which.count, which.examples

    def take(self) -> None:
        """One more file, to be inspected."""
        self._looked_at += 1

    def leave(self, why: str, name: str, *, listed: bool = False) -> None:
        """One file that is left out.

        Args:
            why: in a few words that go behind a number.
            name: of the file.
            listed: whether it was counted as looked at before.
        """
        self._looked_at += not listed
        self._counts[why] = self._counts.get(why, 0) + 1
        known = self._examples.get(why, ())
        if len(known) < EXAMPLES:
            self._examples[why] = (*known, name)

    @property
    def census(self) -> Census:
        """So far; what came up most first."""
        order = sorted(self._counts, key=lambda why: (-self._counts[why], why))
        return Census(
            looked_at=self._looked_at,
            taken=self._looked_at - sum(self._counts.values()),
            left_out={
                why: Omission(count=self._counts[why], examples=self._examples[why])
                for why in order
            },
        )


def as_counters(census: Census | None) -> dict[str, Any]:
    """What `counters.json` says of files; nothing where nobody has counted."""
    if census is None:
        return {}
    return {"files": census.model_dump(mode="json")}


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
