"""A sitting of a commissioning: asks, keeps each answer, learns after a round, says what it gained.

The terminal and the console are two ways to answer in it; its folder is the same.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from reinspect.dataset import AnyPath, DataError, discover, references_in
from reinspect.images import UnreadableImage, address_of, legible, one_line, sha256_of
from reinspect.qualification.answers import Answered, PartAnswer
from reinspect.qualification.commissioned import CommissioningFolder
from reinspect.qualification.commissioning import (
    Commissioning,
    LearnedParts,
    PartQuestion,
    RoundGain,
)
from reinspect.tools.features.first import DEFAULT
from reinspect.tools.features.network import open_features

PER_ROUND = 5
"""Questions after which is learned."""


class CommissioningPictures(NamedTuple):
    """SHA-256 → path, in their order."""

    golden: dict[str, str]
    parts: dict[str, str]
    unreadable: tuple[str, ...]
    """What could not be read, a line each."""

    @classmethod
    def below(cls, photos: Sequence[AnyPath], references: AnyPath, out: Path) -> (
        "CommissioningPictures"
    ):  # fmt: skip
        """The references, and the parts that are none of the folder's own copies.

        A file with several pictures can't be copied one by one: it is no part.

        Raises:
            NotThereError, DataError: something is not there, holds no images, or several in a file.
            UnreadableImage: a reference can't be read.
        """
        found = references_in(references)
        files = [*found.default, *(file for own in found.by_category.values() for file in own)]
        for said in _several(map(str, files)).values():
            raise DataError(said)
        golden = {sha256_of(file): str(file) for file in reversed(files)}
        parts: dict[str, str] = {}
        items = list(discover(photos, exclude=[out, Path(references)]))
        several = _several(item.path for item in items)
        unreadable = list(several.values())
        for item in items:
            if address_of(item.path).file in several:
                continue
            try:
                parts.setdefault(sha256_of(item.path), item.path)
            except UnreadableImage as failure:
                unreadable.append(str(failure))
        return cls(golden, parts, tuple(unreadable))


def _several(paths: Iterable[str]) -> dict[str, str]:
    """Files with several pictures → what is said of them."""
    held = Counter(address_of(path).file for path in paths)
    return {
        file: f"{one_line(file)}: {count} pictures in one file; save each as a file of its own"
        for file, count in held.items()
        if count > 1
    }


class Sitting:
    """One sitting.

    Args:
        commissioning: the parts, described.
        folder: that is kept.
        golden: SHA-256 of each reference → its path.
        parts: the same of the parts.
    """

    def __init__(
        self,
        commissioning: Commissioning,
        folder: CommissioningFolder,
        golden: Mapping[str, str],
        parts: Mapping[str, str],
    ) -> None:
        self.commissioning, self.folder = commissioning, folder
        self.golden, self.parts = golden, parts
        self.learned = self._learn()
        number = self.round
        self.gains = [gain for gain in folder.curve() if gain.round < number]

    @classmethod
    def open(
        cls,
        pictures: CommissioningPictures,
        out: Path,
        cache: Path | None,
        *,
        seen: Callable[[], None] = lambda: None,
    ) -> "Sitting":
        """Describe every part once, by the default network.

        Raises:
            ReinspectError: there is nothing to ask about, or the folder is something else's.
        """
        folder = CommissioningFolder(out)
        folder.put(pictures.golden, pictures.parts)
        network = open_features(DEFAULT, cache)
        commissioning = Commissioning(pictures.golden, pictures.parts, network, seen=seen)
        return cls(commissioning, folder, pictures.golden, pictures.parts)

    @property
    def standing(self) -> dict[str, Answered]:
        """The answers so far, by the picture."""
        return self.folder.record.standing

    @property
    def round(self) -> int:
        """Number of the round that the next answer is of."""
        return len(self.standing) // PER_ROUND + 1

    def questions(self, left: int, among: Mapping[str, object] | None = None) -> list[PartQuestion]:
        """The strangest parts without an answer: at most those of this round.

        Args:
            left: at most.
            among: only these, by SHA-256; by default any.
        """
        room = PER_ROUND - len(self.standing) % PER_ROUND
        return self.commissioning.questions(self.learned, self.standing, min(left, room), among)

    def keep(self, question: PartQuestion, answer: PartAnswer, who: str) -> None:
        """Put an answer on record, and its picture where it belongs.

        Raises:
            WriteError: the disk is full or read-only.
        """
        self._append(question.sha256, question.path, answer, who)

    def answer_skipped(self, sha256: str, answer: PartAnswer, who: str) -> None:
        """Put an answer on record on a part that was skipped before, and learn it.

        Raises:
            WriteError: the disk is full or read-only.
        """
        self._append(sha256, self.standing[sha256].path, answer, who)
        self.learned = self._learn()

    def undo(self, who: str) -> bool:
        """Take the last answer back. Returns whether there was one.

        Raises:
            WriteError: the disk is full or read-only.
        """
        if not self.standing:
            return False
        line = list(self.standing.values())[-1]
        self._append(line.sha256, line.path, None, who)
        self.gains = [gain for gain in self.gains if gain.round < self.round]
        self.learned = self._learn()
        return True

    def end_round(self) -> RoundGain:
        """Learn, and keep what was gained.

        Raises:
            WriteError: the disk is full or read-only.
        """
        before, self.learned = self.learned, self._learn()
        number = max((line.round for line in self.standing.values()), default=1)
        gain = self.commissioning.gain(before, self.learned, self.standing, number)
        self.gains = [one for one in self.gains if one.round != number] + [gain]
        self.folder.save(self.learned, self.gains, len(self.golden))
        return gain

    @property
    def hardly_helps(self) -> bool:
        """Whether the answers of the last round were foreseen, and it was not the first."""
        return len(self.gains) > 1 and self.gains[-1].hardly_helps

    def conclude(self) -> tuple[str, ...]:
        """Write what is known, for the runs to come. Returns what to say of it, a line each.

        Raises:
            WriteError: the disk is full or read-only.
        """
        self.learned = self._learn()
        self.folder.save(self.learned, self.gains, len(self.golden))
        standing = [line.answer for line in self.standing.values()]
        good, bad = (standing.count(word) for word in (PartAnswer.GOOD, PartAnswer.DEFECTIVE))
        skipped = len(standing) - good - bad
        lines = [f"{len(standing)} answers: {good} good, {bad} defective, {skipped} skipped"]
        if good + bad and not good:
            lines.append("all defective: are the references of this product, and all of them good?")
        elif good and not bad:
            lines.append("all good: the threshold stays where it was until a part is defective")
        lines.append(
            f"{len(self.golden) + good} references, threshold {self.learned.threshold:.2f}; "
            f"use them by: reinspect run … --references {self.folder.references}"
        )
        return tuple(lines)

    def _learn(self) -> LearnedParts:
        return self.commissioning.learn(self.standing, self.folder.files())

    def _append(self, sha256: str, path: str, answer: PartAnswer | None, who: str) -> None:
        line = Answered(
            sha256=sha256,
            path=legible(path),
            answer=answer,
            who=legible(who),
            when=datetime.now(UTC),
            round=self.round,
        )
        self.folder.record.append(line)
        self.folder.put(self.golden, self.parts)
