"""A folder of episodes: Parquet for Hugging Face `datasets`, and the card that says what it is.

    <folder>/README.md                     the card, for people and for the hub
    <folder>/card.json                     the same for programs, what was left out in full
    <folder>/data/train-00000-of-00001.parquet
    <folder>/data/validation-00000-of-00001.parquet
    <folder>/trajectories.jsonl            conversations, where a critic acted

The folder appears whole or not at all.
"""

import importlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from pydantic import Field

from reinspect.critics.registry import Data
from reinspect.files import (
    SavedKind,
    digest_of,
    digest_of_file,
    read_json,
    whole_folder,
    write_file,
    write_json,
)
from reinspect.training.episodes.episode import FORMAT, Episode, EpisodeError, Side
from reinspect.training.episodes.trajectories import FILE as TRAJECTORIES
from reinspect.training.episodes.trajectories import Trajectory, lines
from reinspect.vocabulary import Value

_CARD = "card.json"
_KIND = SavedKind(
    "card of episodes", "reinspect train episodes", "make", EpisodeError, version=FORMAT
)
_INSTALL = "a data set needs pyarrow: pip install 'reinspect[train]'"


class EpisodeCard(Value):
    """What a folder of episodes holds, where it is from, and what was left out."""

    format: int = FORMAT
    root: str = Field(description="Folder that `images` are relative to, absolute when written.")
    near: str = Field(description="The same, relative to this folder.")
    made: str = Field(description="Date and time, UTC.")
    version: str = Field(description="Of reinspect.")
    sources: Mapping[str, str] = Field(description="Run → hash of its recipe.")
    content: str = Field(description="SHA-256 over the pictures' hashes, sorted.")
    files: Mapping[str, str] = Field(default_factory=dict, description="Data file → SHA-256.")
    counts: Mapping[str, Mapping[str, int]] = Field(description="By column → value → episodes.")
    split: str = Field(description="What was kept apart, and why.")
    seed: int
    references: int = Field(description="Known-good pictures shown before each test image.")
    licences: Sequence[str] = ()
    left_out: Mapping[str, Sequence[str]] = Field(
        default_factory=dict, description="Reason → images."
    )
    warnings: Sequence[str] = ()
    trajectories: int = Field(default=0, description="Conversations of critics that act.")
    recipes: Mapping[str, str] = Field(
        default_factory=dict, description="Hash → recipe by which these looked."
    )


class Episodes(NamedTuple):
    """A folder of episodes as read."""

    card: EpisodeCard
    root: Path
    """Where the pictures are."""
    rows: tuple[Episode, ...]

    def of(self, part: Side) -> tuple[Episode, ...]:
        """One side of the split."""
        return tuple(row for row in self.rows if row.split is part)


def refuse_used(folder: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        EpisodeError: it does, or it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise EpisodeError(f"{folder}: is a file; name a folder with --out")
    if folder.is_dir() and any(folder.iterdir()):
        raise EpisodeError(f"{folder}: is not empty; name another folder with --out")


def write_episodes(
    folder: Path,
    card: EpisodeCard,
    rows: Sequence[Episode],
    readme: str,
    trajectories: Sequence[Trajectory] = (),
) -> EpisodeCard:
    """Write the folder; the card is returned with the hashes of its data files.

    Raises:
        EpisodeError: the folder is used, or pyarrow is not installed.
        WriteError: the folder can't be written.
    """
    refuse_used(folder)
    with whole_folder(folder) as unfinished:
        (unfinished / "data").mkdir()
        files = {}
        for part in Side:
            mine = [row for row in rows if row.split is part]
            name = f"data/{part.value}-00000-of-00001.parquet"
            _write_parquet(unfinished / name, mine)
            files[name] = digest_of_file(unfinished / name)
        card = card.model_copy(update={"files": files, "trajectories": len(trajectories)})
        if trajectories:
            write_file(unfinished / TRAJECTORIES, lines(trajectories))
        write_json(unfinished / _CARD, card)
        write_file(unfinished / "README.md", readme)
    return card


def read_card(folder: Path) -> EpisodeCard:
    """The card of a folder.

    Raises:
        EpisodeError: there is none, or it is of another format.
    """
    path = folder / _CARD
    if not path.is_file():
        raise EpisodeError(
            f"{folder}: holds no episodes; `reinspect train episodes RUN --out {folder}` makes some"
        )
    return read_json(path, EpisodeCard, _KIND)


def read_episodes(folder: Path, *, root: Path | None = None) -> Episodes:
    """A folder's episodes, in their order.

    Args:
        folder: as `write_episodes` has left it.
        root: of the pictures, where they have moved.

    Raises:
        EpisodeError: it is no such folder, a file of it is missing or has changed, or the pictures
            are nowhere.
    """
    card = read_card(folder)
    rows: list[Episode] = []
    for name, sha256 in card.files.items():
        path = folder / name
        try:
            found = digest_of_file(path)
        except OSError as failure:
            raise EpisodeError(f"{path}: can't be read: {failure.strerror}") from failure
        if found != sha256:
            raise EpisodeError(f"{path}: has changed since it was made; make the episodes again")
        rows += map(Episode.model_validate, _arrow().parquet.read_table(path).to_pylist())
    return Episodes(card, images_root(folder, card, root), tuple(rows))


def images_root(folder: Path, card: EpisodeCard, root: Path | None = None) -> Path:
    """Where the pictures are: as given, as recorded, or as near to the folder as they were.

    Raises:
        EpisodeError: there is no such folder any more.
    """
    places = [root] if root is not None else [Path(card.root), folder / card.near]
    for place in places:
        if place.is_dir():
            return place.resolve()
    raise EpisodeError(
        f"{folder}: its pictures are not at {places[0]} any more; name their folder by --images"
    )


def counted(rows: Sequence[Episode]) -> dict[str, dict[str, int]]:
    """How many episodes there are of each kind, for the card."""
    columns: dict[str, list[str]] = {
        "split": [row.split.value for row in rows],
        "mode": [row.mode.value for row in rows],
        "truth": ["anomalous" if row.truth else "normal" for row in rows],
        "truth_source": [row.truth_source for row in rows],
        "initial": ["none" if r.initial is None else _right(r) for r in rows],
        "scenario": [row.scenario for row in rows],
        "category": [row.category or "none" for row in rows],
        "second_look": [row.second_look or "none" for row in rows],
        "caption_source": [row.caption_source or "none" for row in rows],
        "caption_state": [row.caption_state for row in rows],
        "completion": ["to imitate" if row.completion else "for rewards alone" for row in rows],
    }
    return {name: dict(sorted(Counter(values).items())) for name, values in columns.items()}


def content_of(rows: Sequence[Episode]) -> str:
    """One hash of all pictures, whatever their order."""
    return digest_of("\n".join(sorted({r.sha256 for r in rows})))


def _right(row: Episode) -> str:
    return "right" if row.initial is row.truth else "wrong"


def _write_parquet(path: Path, rows: Sequence[Episode]) -> None:
    arrow = _arrow()
    table = arrow.Table.from_pylist(
        [row.model_dump(mode="json") for row in rows], schema=_schema(arrow)
    )
    arrow.parquet.write_table(table, os.fspath(path), compression="zstd")


def _arrow() -> ModuleType:
    try:
        importlib.import_module("pyarrow.parquet")
        return importlib.import_module("pyarrow")
    except ImportError as failure:
        raise EpisodeError(_INSTALL) from failure


def _schema(arrow: ModuleType) -> Any:
    text, number, flag, many = arrow.string(), arrow.float64(), arrow.bool_(), arrow.list_
    box = many(number)
    message = arrow.struct(
        {"role": text, "content": many(arrow.struct({"type": text, "text": text}))}
    )
    shown = arrow.struct(
        {
            "label": flag,
            "probability": number,
            "boxes": many(box),
            "types": many(text),
            "rationale": text,
        }
    )
    asked = arrow.struct(
        {
            "model": text,
            "prompt": text,
            "prompt_sha256": text,
            "answers": many(text),
            "token_ids": many(many(arrow.int64())),
            "logprobs": many(many(number)),
            "probability": number,
        }
    )
    special = {
        "prompt": many(message),
        "completion": many(message),
        "images": many(text),
        "truth": flag,
        "types": many(text),
        "boxes": many(box),
        "box_types": many(text),
        "initial": flag,
        "first": shown,
        "final": shown,
        "located": many(box),
        "seen": many(box),
        "seconds": number,
        "asked": many(asked),
        "reviewed": flag,
    }
    return arrow.schema({name: special.get(name, text) for name in Episode.model_fields})


def data_of(folder: Path) -> Data:
    """What the card of a critic says of the episodes that it was trained on.

    Raises:
        EpisodeError: they can't be read.
    """
    found = read_episodes(folder)
    card = found.card
    return Data(
        name=folder.absolute().name,
        content=card.content,
        files=card.files,
        episodes=card.counts,
        sources=card.sources,
        pictures=tuple(sorted({row.sha256[:16] for row in found.of(Side.TRAIN)})),
        licences=tuple(card.licences),
    )
