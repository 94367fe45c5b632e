"""The folder of a commissioning: the record of answers, references, defects, what was gained."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from reinspect.errors import ReinspectError
from reinspect.files import SavedKind, WriteError, digest_of_file, read_json, write_json
from reinspect.images import scale_of
from reinspect.qualification.answers import AnswerRecord, PartAnswer
from reinspect.qualification.commissioning import LearnedParts, RoundGain
from reinspect.references import THRESHOLDS, LearnedThreshold, ReferenceMode, ReferenceSet
from reinspect.vocabulary import Value


class CommissionedError(ReinspectError, ValueError):
    """A file of a commissioning that is something else."""


class Curve(Value):
    """What a commissioning has brought, round by round."""

    format: Literal["reinspect commissioning"] = "reinspect commissioning"
    version: Literal[1] = 1
    references: int = Field(description="Known-good parts that it began with.")
    rounds: tuple[RoundGain, ...] = ()


_KIND = SavedKind(
    name="curve of a commissioning",
    command="reinspect commission",
    again="commission",
    error=CommissionedError,
    version=1,
    format="reinspect commissioning",
)


class CommissioningFolder:
    """`answers.jsonl`, `commissioning.json`, and pictures in `references/` and `defects/`.

    All but the answers follows from these, and is put right whenever it is opened.

    Raises:
        AnswersError: its record is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = AnswerRecord(folder / "answers.jsonl")
        self.references, self.defects = folder / "references", folder / "defects"

    def put(self, references: Mapping[str, str], parts: Mapping[str, str]) -> list[str]:
        """Copy what is known to be good or defective, and take away what no longer is.

        Args:
            references: SHA-256 of each good picture that it began with → its path.
            parts: the same of the parts.

        Returns:
            The paths of answered pictures that are gone, and were never copied.

        Raises:
            WriteError: the disk is full or read-only.
        """
        standing = self.record.standing
        paths = {sha256: line.path for sha256, line in standing.items()} | dict(parts)
        by_answer = {
            answer: [sha256 for sha256, line in standing.items() if line.answer is answer]
            for answer in (PartAnswer.GOOD, PartAnswer.DEFECTIVE)
        }
        good = dict(references) | {s: paths[s] for s in by_answer[PartAnswer.GOOD]}
        bad = {s: paths[s] for s in by_answer[PartAnswer.DEFECTIVE]}
        return [*_hold(self.references, good), *_hold(self.defects, bad)]

    def files(self) -> dict[str, str]:
        """SHA-256 of each copied picture's file → the copy."""
        copies = (*_copies(self.references).values(), *_copies(self.defects).values())
        return {digest_of_file(copy): str(copy) for copy in copies}

    def curve(self) -> tuple[RoundGain, ...]:
        """What earlier rounds have brought.

        Raises:
            CommissionedError: the file is something else.
        """
        file = self.folder / "commissioning.json"
        return read_json(file, Curve, _KIND).rounds if file.exists() else ()

    def save(self, learned: LearnedParts, rounds: Iterable[RoundGain], references: int) -> None:
        """Write the curve, and beside the references the threshold for the runs to come.

        Raises:
            WriteError: the disk is full or read-only.
        """
        write_json(
            self.folder / "commissioning.json", Curve(references=references, rounds=tuple(rounds))
        )
        copies = _copies(self.references).values()
        own = ReferenceSet(
            ReferenceMode.GOLDEN,
            hashes=tuple(digest_of_file(copy) for copy in copies),
            scale=scale_of(copies),
        )
        answers = [line.answer for line in self.record.standing.values()]
        write_json(
            self.references / THRESHOLDS,
            LearnedThreshold(
                network=learned.fit.key,
                side=learned.fit.side,
                references=own.key,
                threshold=round(learned.threshold, 4),
                good=answers.count(PartAnswer.GOOD),
                defective=answers.count(PartAnswer.DEFECTIVE),
            ),
        )


def _hold(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Make a folder hold copies of just these pictures; those that are gone are returned."""
    held, gone = _copies(folder), []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for mark, file in held.items():
            if not any(sha256.startswith(mark) for sha256 in wanted):
                file.unlink()
        for sha256, path in wanted.items():
            source = Path(path)
            if sha256[:_MARK] in held:
                continue
            if not source.is_file():
                gone.append(path)
                continue
            goal = folder / f"{source.stem}-{sha256[:_MARK]}{source.suffix}"
            unfinished = goal.with_name(f".{goal.name}.part")
            shutil.copyfile(source, unfinished)
            unfinished.replace(goal)
    except OSError as failure:
        why = failure.strerror or str(failure)
        raise WriteError(f"{folder}: can't be written: {why}; name another --out") from failure
    return gone


_MARK = 12
"""Characters of its hash that a copy's name ends with."""


def _copies(folder: Path) -> dict[str, Path]:
    """The end of each copy's name → the copy. What else lies there is somebody else's."""
    found = {}
    for file in sorted(folder.glob("*-*")) if folder.is_dir() else ():
        mark = file.stem.rpartition("-")[2]
        if len(mark) == _MARK and not set(mark) - set("0123456789abcdef") and file.name[0] != ".":
            found[mark] = file
    return found
