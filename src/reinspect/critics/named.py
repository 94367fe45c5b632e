"""Critics that a recipe, or a bench, calls by a name in the registry, or by a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reinspect.critics.registry import CriticCard, CriticError, CriticKind, Critics
from reinspect.documents import parse_json, read_text
from reinspect.files import digest_of
from reinspect.policies import critic as critics
from reinspect.policies import fitted as reliability

CRITIC = "critic"

SERVED = "http://127.0.0.1:8000/v1"
"""Where `reinspect serve` answers unless told otherwise."""

SHIPPED = ("embedded", "fitted")
"""Monitors that need no file: hand-set rules, and the fitted one that ships."""


class Learned(NamedTuple):
    """What a monitor has seen of the parts that it is to judge."""

    pictures: frozenset[str] = frozenset()
    """First 16 digits of the SHA-256 of each picture."""
    digests: frozenset[str] = frozenset()
    """As a fitted monitor keeps them, see `training.splits.digest`."""

    def knows(self, sha256: str | None) -> bool:
        """Whether a picture of these bytes is among them."""
        if sha256 is None:
            return False
        digest = digest_of(sha256)[:16]
        return sha256[:16] in self.pictures or digest in self.digests


class NamedMonitor(NamedTuple):
    """A monitor as a recipe would name it."""

    kind: str
    options: dict[str, Any]


def monitor_named(options: Mapping[str, Any], registries: Sequence[Path]) -> NamedMonitor:
    """What `monitor: {kind: critic, name: …}` stands for.

    An embedded critic becomes its file. One of a language model becomes a monitor of kind vlm that
    asks a server for the model of that name, and answers in the published tags.

    Args:
        options: the monitor's, the name among them.
        registries: folders of critics, the first that has the name counts.

    Raises:
        CriticError: no registry has the name, or a file is named as well.
    """
    rest = dict(options)
    name = str(rest.pop("name"))
    if "file" in rest:
        raise CriticError(f"name {name!r} and file {rest['file']!r} exclude each other")
    registry = _registry(name, registries)
    card, path = registry.card(name), registry.path(name)
    if card.kind is CriticKind.EMBEDDED:
        return NamedMonitor(CRITIC, {"file": str(path.absolute()), **rest})
    served = {"model": card.name, "base_url": SERVED, "format": "tags"}
    return NamedMonitor("vlm", {**served, **rest})


def monitor_called(called: str, registries: Sequence[Path]) -> NamedMonitor:
    """The monitor that somebody calls by a word.

    Args:
        called: a file that `train critic` or `monitor fit` wrote, a name in the registry, or
            `embedded` or `fitted`.
        registries: folders of critics, the first that has the name counts.

    Raises:
        CriticError: it is none of these.
    """
    file = Path(called)
    if file.is_file():
        return NamedMonitor(_kind_of(file), {"file": str(file.absolute())})
    if any(called in Critics(folder).names() for folder in registries):
        return monitor_named({"name": called}, registries)
    if called in SHIPPED:
        return NamedMonitor(called, {})
    known = sorted({name for folder in registries for name in Critics(folder).names()})
    raise CriticError(
        f"critic {called!r}: no such file, and none of that name in {registries[-1]}; there "
        f"are: {', '.join((*known, *SHIPPED))}"
    )


def learned_by(kind: str, options: Mapping[str, Any], registries: Sequence[Path]) -> Learned:
    """What is on record of the pictures that a recipe's monitor was trained on.

    Args:
        kind: of the monitor.
        options: the monitor's.
        registries: folders of critics.

    Raises:
        CriticError, MonitorError: its file can't be read.
    """
    file = options.get("file")
    if kind == CRITIC and file is not None:
        card = _card_beside(Path(file))
        noted = card.data.pictures if card and card.data else ()
        lesson = critics.load_critic(file).lesson
        return Learned(pictures=frozenset((*noted, *lesson.pictures)))
    if kind == "fitted" and file is not None:
        training = reliability.load_monitor(file).training
        return Learned(digests=frozenset((*training.fitted, *training.calibrated)))
    if kind == "vlm":
        card = _card_of(str(options.get("model")), registries)
        return Learned(frozenset(card.data.pictures if card and card.data else ()))
    return Learned()


def _kind_of(file: Path) -> str:
    try:
        content = parse_json(read_text(file))
        found = content.get("format") if isinstance(content, dict) else None
    except (OSError, ValueError) as failure:
        raise CriticError(f"critic {file}: no JSON: {failure}") from failure
    kinds = {critics.FORMAT: CRITIC, reliability.FORMAT: "fitted"}
    if found not in kinds:
        raise CriticError(
            f"critic {file}: neither of `reinspect train critic` nor of `reinspect monitor fit`"
        )
    return kinds[found]


def _card_beside(file: Path) -> CriticCard | None:
    """The card of an embedded critic that lies in a registry."""
    registry = Critics(file.parent.parent)
    if file.parent.name not in registry.names() or not file.is_file():
        return None
    return registry.card(file.parent.name)


def _card_of(name: str, registries: Sequence[Path]) -> CriticCard | None:
    registry = _registry(name, registries)
    return registry.card(name) if name in registry.names() else None


def _registry(name: str, registries: Sequence[Path]) -> Critics:
    every = [Critics(folder) for folder in registries]
    return next((registry for registry in every if name in registry.names()), every[-1])
