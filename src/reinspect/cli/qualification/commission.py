"""`reinspect commission`: a person answers on the strangest parts, and the product is learned."""

import getpass
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reinspect.errors import ReinspectError
from reinspect.runs.defaults import usage_errors

if TYPE_CHECKING:
    from reinspect.qualification.answers import GivenAnswer, PartAnswer
    from reinspect.qualification.commissioning import PartQuestion
    from reinspect.qualification.sitting import Sitting

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
    from rich.console import Console
    from rich.progress import Progress

    from reinspect.qualification.commissioned import CommissioningFolder
    from reinspect.qualification.sitting import CommissioningPictures, Sitting
    from reinspect.settings import Settings

    with usage_errors():
        pictures = CommissioningPictures.below(photos, references, out)
    for said in pictures.unreadable:
        typer.echo(said, err=True)
    gone = CommissioningFolder(out).put(pictures.golden, pictures.parts)
    _note("answered before, and gone now", gone)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("looking at each part", total=len(pictures.parts))
        sitting = Sitting.open(pictures, out, Settings().cache_dir, seen=lambda: bar.advance(task))
    for said in sitting.commissioning.unreadable:
        typer.echo(said, err=True)
    return CommissioningSession(sitting)


class CommissioningSession:
    """One sitting at a terminal, or by a file."""

    def __init__(self, sitting: "Sitting") -> None:
        self._sitting = sitting

    def from_file(
        self, answers: "Sequence[GivenAnswer]", roots: Sequence[Path], questions: int
    ) -> None:
        """Take the answers of a file, the strangest parts first.

        Raises:
            ReinspectError: answers contradict each other, or the references.
        """
        from reinspect.qualification.answers import match_answers

        sitting = self._sitting
        given, gone = match_answers(answers, {**sitting.golden, **sitting.parts}, roots)
        _note(f"{len(gone)} answers are on pictures that are not there", gone)
        for sha256, one in given.items():
            if sha256 in sitting.golden and one.answer == "defective":
                raise CommissionUsageError(
                    f"{one.picture}: defective by {one.who}, and a reference; take it out of "
                    f"{Path(sitting.golden[sha256]).parent}"
                )
        self._follow(given)
        while (left := questions - len(sitting.standing)) > 0:
            asked = sitting.questions(left, given)
            if not asked:
                break
            for question in asked:
                found = given[question.sha256]
                sitting.keep(question, found.answer, found.who)
            self._end_round()

    def _follow(self, given: "Mapping[str, GivenAnswer]") -> None:
        """Hold the answers of a file against those on record."""
        from reinspect.qualification.answers import PartAnswer

        said = {s: one for s, one in given.items() if one.answer is not PartAnswer.SKIP}
        before = {s: line for s, line in self._sitting.standing.items() if s in said}
        settled = {s for s, line in before.items() if line.answer is not PartAnswer.SKIP}
        for sha256 in sorted(settled, key=lambda one: said[one].line):
            one, line = said[sha256], before[sha256]
            if line.answer is not one.answer:
                raise CommissionUsageError(
                    f"{one.picture}: {line.answer} by {line.who} on record, and {one.answer} by "
                    f"{one.who} (line {one.line}); keep one of them, or name another --out"
                )
        for sha256 in before.keys() - settled:
            self._sitting.answer_skipped(sha256, said[sha256].answer, said[sha256].who)

    def from_terminal(self, questions: int, who: str, read: Callable[[str], str] = input) -> None:
        sitting = self._sitting
        while (left := questions - len(sitting.standing)) > 0:
            number, asked = sitting.round, sitting.questions(left)
            if not asked:
                break
            while asked and sitting.round == number:
                place = len(sitting.standing) + 1
                typer.echo(f"{place}/{questions}  {_said(asked[0])}")
                try:
                    word = read(_PROMPT).strip().lower()[:1]
                except EOFError:
                    word = "q"
                if word == "q":
                    return
                if word == "u":
                    if not sitting.undo(who):
                        typer.echo("  nothing to undo")
                    number = sitting.round
                    asked = sitting.questions(left)
                elif word in _KEYS:
                    sitting.keep(asked.pop(0), _answer(_KEYS[word]), who)
                else:
                    typer.echo(f"  {word!r} is none of g, d, s, u, q")
            if sitting.round != number or not asked:
                self._end_round()

    def conclude(self) -> None:
        """Write what is known, and say what to do with it."""
        for line in self._sitting.conclude():
            typer.echo(line)

    def _end_round(self) -> None:
        """Learn, keep what was gained, and tell it."""
        typer.echo(self._sitting.end_round().sentence)
        if self._sitting.hardly_helps:
            typer.echo("  more questions hardly help: the answers were foreseen")


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
