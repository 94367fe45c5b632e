"""The registry of critics: a folder `critics` beside the store, one folder a critic.

    critics/<name>/card.json     what was trained on what, how, and with which result
    critics/<name>/critic.json   an embedded critic, or
    critics/<name>/weights/*     an adapter or the weights of a language model

A critic appears whole or not at all, and is never changed; what a bench said is added to its card.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from reinspect.errors import ReinspectError
from reinspect.files import SavedKind, digest_of_file, read_json, whole_folder, write_json
from reinspect.vocabulary import Sha256, Value

FORMAT = 1
"""Of a card: a reader refuses any other."""

FOLDER = "critics"
_CARD = "card.json"
_CRITIC = "critic.json"
_WEIGHTS = "weights"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LEFT_BEHIND = shutil.ignore_patterns("checkpoint-*", "*.tmp", ".*", "runs", "optimizer*")


class CriticError(ReinspectError, ValueError):
    """A critic that can't be registered or found; the message is one line."""


_KIND = SavedKind("critic's card", "reinspect critics add", "register", CriticError, FORMAT)


class CriticKind(StrEnum):
    """What is in a critic's folder."""

    EMBEDDED = "embedded"
    ADAPTER = "adapter"
    WEIGHTS = "weights"


def valid_name(name: str) -> str:
    """The name, if it can be one of a folder and of a served model.

    Raises:
        ValueError: it can't.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: letters, digits, '.', '_' and '-', at most 100")
    return name


class Data(Value):
    """What a critic has learned from."""

    name: str = Field(description="Of the episodes' folder.")
    content: str = Field(description="SHA-256 over the pictures' hashes, sorted.")
    files: Mapping[str, Sha256] = Field(default_factory=dict, description="Data file → hash.")
    episodes: Mapping[str, Mapping[str, int]] = Field(
        default_factory=dict, description="By column → value → number."
    )
    sources: Mapping[str, str] = Field(default_factory=dict, description="Run → recipe's hash.")
    pictures: tuple[str, ...] = Field(
        default=(), description="First 16 digits of the SHA-256 of each picture trained on."
    )
    licences: tuple[str, ...] = ()


class CriticCard(Value):
    """What was trained on what, how, and with which result."""

    format: int = FORMAT
    name: Annotated[str, AfterValidator(valid_name)]
    kind: CriticKind
    stage: str = Field(description="warm-start, rcrl, critic …")
    base: str | None = Field(default=None, description="Model that it was trained from.")
    made: str = Field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        description="Date and time, UTC.",
    )
    version: str = Field(default_factory=lambda: version("reinspect"), description="Of reinspect.")
    data: Data | None = None
    recipe: Mapping[str, JsonValue] = Field(default_factory=dict, description="Of the training.")
    rewards: Mapping[str, float] = Field(default_factory=dict, description="Reward → weight.")
    curves: Sequence[Mapping[str, JsonValue]] = Field(default=(), description="One object a step.")
    figures: Mapping[str, JsonValue] = Field(
        default_factory=dict, description="What the training says of its result."
    )
    bench: Mapping[str, JsonValue] = Field(
        default_factory=dict, description="What benches said: before, after."
    )
    files: Mapping[str, Sha256] = Field(default_factory=dict, description="File → hash.")
    notes: str = ""


class Critics:
    """The critics in a folder, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, card: CriticCard, trained: Path) -> Path:
        """Register what was trained; its files are linked where they can be, else copied.

        Args:
            card: its `files` are filled in.
            trained: the critic's JSON file, or the folder of an adapter or of weights, of which
                checkpoints stay behind.

        Returns:
            The critic's folder.

        Raises:
            CriticError: the name is taken, or there are no such files.
            WriteError: the folder can't be written.
        """
        goal = self.folder / card.name
        if goal.exists():
            raise CriticError(f"{goal}: there is a critic of that name; give it another by --name")
        single = card.kind is CriticKind.EMBEDDED
        if not (trained.is_file() if single else trained.is_dir()):
            what = "file" if single else "folder of weights"
            raise CriticError(f"{trained}: no such {what} to register as critic {card.name!r}")
        with whole_folder(goal) as unfinished:
            if single:
                _linked(trained, unfinished / _CRITIC)
            else:
                shutil.copytree(
                    trained, unfinished / _WEIGHTS, ignore=_LEFT_BEHIND, copy_function=_linked
                )
            write_json(unfinished / _CARD, card.model_copy(update={"files": _hashes(unfinished)}))
        return goal

    def names(self) -> tuple[str, ...]:
        """Of all critics, sorted."""
        return tuple(sorted(card.parent.name for card in self.folder.glob(f"*/{_CARD}")))

    def card(self, name: str) -> CriticCard:
        """What is known of a critic.

        Raises:
            CriticError: there is none of that name, or its card can't be read.
        """
        path = self.folder / name / _CARD
        if not _NAME.fullmatch(name) or not path.is_file():
            known = ", ".join(self.names()) or "none"
            raise CriticError(f"no critic {name!r} in {self.folder}; there are: {known}")
        return read_json(path, CriticCard, _KIND)

    def path(self, name: str) -> Path:
        """Of an embedded critic its file, of another the folder of its weights.

        Raises:
            CriticError: as `card`, or what it names is gone.
        """
        card = self.card(name)
        own = _CRITIC if card.kind is CriticKind.EMBEDDED else _WEIGHTS
        path = self.folder / name / own
        if not path.exists():
            raise CriticError(f"{path}: is gone; train critic {name!r} again")
        return path

    def benched(self, name: str, results: Mapping[str, JsonValue]) -> CriticCard:
        """Add to a card what a bench said.

        Raises:
            CriticError: as `card`.
            WriteError: it can't be written.
        """
        card = self.card(name)
        card = card.model_copy(update={"bench": {**card.bench, **results}})
        write_json(self.folder / name / _CARD, card)
        return card


def _linked(source: str | Path, goal: str | Path) -> None:
    """One file of two names where the disk allows it: weights are large, and never changed."""
    try:
        os.link(source, goal)
    except OSError:
        shutil.copy2(source, goal)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {file.relative_to(folder).as_posix(): digest_of_file(file) for file in files}
