"""`reinspect commission`: a person answers on the strangest parts, and the product is learned."""

import getpass
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reinspect.errors import ReinspectError
from reinspect.runs.defaults import usage_errors

if TYPE_CHECKING:
    from reinspect.qualification.answers import Answered, GivenAnswer, PartAnswer
    from reinspect.qualification.commissioned import CommissioningFolder
    from reinspect.qualification.commissioning import (
        Commissioning,
        LearnedParts,
        PartQuestion,
        RoundGain,
    )

PER_ROUND = 5
"""Questions after which is learned."""

_KEYS = {"g": "good", "d": "defective", "s": "skip"}
_PROMPT = "  good, defective, skip, undo or quit? [g/d/s/u/q] "


class CommissionUsageError(ReinspectError, ValueError):
    """Questions that can't be asked here."""


def add_to(parent: typer.Typer) -> None:
    """Register the command."""
    parent.command()(commission)


def commission(
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTOS...", help="Parts of the line, not yet judged.")
    ],
    references: Annotated[Path, typer.Option("--references", help="Folder of known-good images.")],
    questions: Annotated[
        int, typer.Option("--questions", min=1, help="Answers in all, skipped ones counted.")
    ] = 20,
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers",
            help="Answers from a file instead of a terminal: JSON lines or CSV with picture, "
            "answer (good, defective, skip) and who.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder that is kept, and gone on with the next time.")
    ] = Path("commissioning"),
    who: Annotated[
        str | None, typer.Option("--who", help="Who answers. \\[default: who is logged in]")
    ] = None,
) -> None:
    """Ask a person about the strangest parts, learn from the answers, and say what was gained."""
    from reinspect.qualification.answers import read_answers

    if answers is None and not sys.stdin.isatty():
        raise CommissionUsageError(
            "questions need a terminal to be asked at; give answers by --answers FILE"
        )
    given = read_answers(answers) if answers else []
    session = begin(photos, references, out)
    if answers is not None:
        roots = [answers.parent, *(p if p.is_dir() else p.parent for p in photos)]
        session.from_file(given, roots, questions)
    else:
        session.from_terminal(questions, who or getpass.getuser())
    session.conclude()


def begin(photos: list[Path], references: Path, out: Path) -> "CommissioningSession":
    """Begin a commissioning, or go on with the one that is in its folder.

    Raises:
        ReinspectError: something is not there, or not what it should be.
    """
    from reinspect.qualification.commissioned import CommissioningFolder

    folder = CommissioningFolder(out)
    golden, parts = _pictures(photos, references, out)
    _note("answered before, and gone now", folder.put(golden, parts))
    return CommissioningSession(_opened(golden, parts), folder, golden, parts)


class CommissioningSession:
    """One sitting: asks, keeps, learns, tells."""

    def __init__(
        self,
        commissioning: "Commissioning",
        folder: "CommissioningFolder",
        golden: Mapping[str, str],
        parts: Mapping[str, str],
    ) -> None:
        self._commissioning, self._folder = commissioning, folder
        self._golden, self._parts = golden, parts
        self._learned = self._learn()
        number = self._round()
        self._gains = [gain for gain in folder.curve() if gain.round < number]

    def from_file(
        self, answers: "Sequence[GivenAnswer]", roots: Sequence[Path], questions: int
    ) -> None:
        """Take the answers of a file, the strangest parts first.

        Raises:
            ReinspectError: answers contradict each other, or the references.
        """
        from reinspect.qualification.answers import match_answers

        given, gone = match_answers(answers, {**self._golden, **self._parts}, roots)
        _note(f"{len(gone)} answers are on pictures that are not there", gone)
        for sha256, one in given.items():
            if sha256 in self._golden and one.answer == "defective":
                raise CommissionUsageError(
                    f"{one.picture}: defective by {one.who}, and a reference; take it out of "
                    f"{Path(self._golden[sha256]).parent}"
                )
        while (left := questions - len(self._standing)) > 0:
            asked = self._questions(left, given)
            if not asked:
                break
            for question in asked:
                found = given[question.sha256]
                self._keep(question, found.answer, found.who)
            self._end_round()

    def from_terminal(self, questions: int, who: str, read: Callable[[str], str] = input) -> None:
        while (left := questions - len(self._standing)) > 0:
            number, asked = self._round(), self._questions(left)
            if not asked:
                break
            while asked and self._round() == number:
                place = len(self._standing) + 1
                typer.echo(f"{place}/{questions}  {_said(asked[0])}")
                try:
                    word = read(_PROMPT).strip().lower()[:1]
                except EOFError:
                    word = "q"
                if word == "q":
                    return
                if word == "u":
                    if not self._undo(who):
                        typer.echo("  nothing to undo")
                    self._learned = self._learn()
                    number = self._round()
                    asked = self._questions(left)
                elif word in _KEYS:
                    self._keep(asked.pop(0), _answer(_KEYS[word]), who)
                else:
                    typer.echo(f"  {word!r} is none of g, d, s, u, q")
            if self._round() != number or not asked:
                self._end_round()

    def conclude(self) -> None:
        """Write what is known, and say what to do with it."""
        self._learned = self._learn()
        self._folder.save(self._learned, self._gains, len(self._golden))
        standing = [line.answer for line in self._standing.values()]
        good, bad = (standing.count(_answer(word)) for word in ("good", "defective"))
        skipped = len(standing) - good - bad
        typer.echo(f"{len(standing)} answers: {good} good, {bad} defective, {skipped} skipped")
        if good + bad and not good:
            typer.echo("all defective: are the references of this product, and all of them good?")
        elif good and not bad:
            typer.echo("all good: the threshold stays where it was until a part is defective")
        typer.echo(
            f"{len(self._golden) + good} references, threshold {self._learned.threshold:.2f}; "
            f"use them by: reinspect run … --references {self._folder.references}"
        )

    @property
    def _standing(self) -> "dict[str, Answered]":
        return self._folder.record.standing

    def _round(self) -> int:
        return len(self._standing) // PER_ROUND + 1

    def _questions(
        self, left: int, among: "Mapping[str, GivenAnswer] | None" = None
    ) -> "list[PartQuestion]":
        room = PER_ROUND - len(self._standing) % PER_ROUND
        count = min(left, room)
        return self._commissioning.questions(self._learned, self._standing, count, among)

    def _learn(self) -> "LearnedParts":
        return self._commissioning.learn(self._standing, {**self._folder.files()})

    def _keep(self, question: "PartQuestion", answer: "PartAnswer", who: str) -> None:
        self._append(question.sha256, question.path, answer, who)

    def _undo(self, who: str) -> bool:
        if not self._standing:
            return False
        line = list(self._standing.values())[-1]
        self._append(line.sha256, line.path, None, who)
        self._gains = [gain for gain in self._gains if gain.round < self._round()]
        return True

    def _append(self, sha256: str, path: str, answer: "PartAnswer | None", who: str) -> None:
        from reinspect.qualification.answers import Answered

        line = Answered(
            sha256=sha256,
            path=path,
            answer=answer,
            who=who,
            when=datetime.now(UTC),
            round=self._round(),
        )
        self._folder.record.append(line)
        self._folder.put(self._golden, self._parts)

    def _end_round(self) -> None:
        """Learn, keep what was gained, and tell it."""
        before, self._learned = self._learned, self._learn()
        number = max((line.round for line in self._standing.values()), default=1)
        gain = self._commissioning.gain(before, self._learned, self._standing, number)
        self._gains = [one for one in self._gains if one.round != number] + [gain]
        self._folder.save(self._learned, self._gains, len(self._golden))
        typer.echo(_told(gain))
        if len(self._gains) > 1 and gain.hardly_helps:
            typer.echo("  more questions hardly help: the answers were foreseen")


def _pictures(
    photos: list[Path], references: Path, out: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """SHA-256 → path of the references and of the parts, in their order."""
    from reinspect.dataset import discover, references_in
    from reinspect.images import UnreadableImage, sha256_of

    with usage_errors():
        found = references_in(references)
        files = [*found.default, *(file for own in found.by_category.values() for file in own)]
        golden = {sha256_of(file): str(file) for file in reversed(files)}
        parts: dict[str, str] = {}
        for item in discover(photos, exclude=[out, references]):
            try:
                parts.setdefault(sha256_of(item.path), item.path)
            except UnreadableImage as failure:
                typer.echo(str(failure), err=True)
    return golden, parts


def _opened(golden: Mapping[str, str], parts: Mapping[str, str]) -> "Commissioning":
    """Describe every part once."""
    from rich.console import Console
    from rich.progress import Progress

    from reinspect.qualification.commissioning import Commissioning
    from reinspect.settings import Settings
    from reinspect.tools.features.first import DEFAULT
    from reinspect.tools.features.network import open_features

    network = open_features(DEFAULT, Settings().cache_dir)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("looking at each part", total=len(parts))
        opened = Commissioning(golden, parts, network, seen=lambda: bar.advance(task))
    for said in opened.unreadable:
        typer.echo(said, err=True)
    return opened


def _answer(word: str) -> "PartAnswer":
    from reinspect.qualification.answers import PartAnswer

    return PartAnswer(word)


def _note(what: str, names: list[str]) -> None:
    from reinspect.images import one_line

    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        typer.echo(f"{what}: {', '.join(map(one_line, names[:3]))}{more}", err=True)


def _said(question: "PartQuestion") -> str:
    from reinspect.images import one_line

    where = "no one place"
    if question.where is not None:
        x1, y1, x2, y2 = (f"{share:.0%}" for share in question.where)
        where = f"{x1} to {x2} from the left, {y1} to {y2} from the top"
    return f"{one_line(question.path)}  p {question.probability:.2f}  {where}"


def _told(gain: "RoundGain") -> str:
    settled = gain.good + gain.defective
    return (
        f"round {gain.round}: {gain.expected} of {gain.settled} answers foreseen; of all "
        f"{settled} right {gain.right_at_first} → {gain.right}; "
        f"{gain.changed} of {gain.unasked} other labels changed"
    )
