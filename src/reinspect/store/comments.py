"""Comments: what people say of a part, known by its content, whichever runs saw it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, Text, and_, cast, func, literal, or_
from sqlmodel import Session, col, select

from reinspect.store.columns import storable
from reinspect.store.tables import CommentTable, InspectionTable
from reinspect.vocabulary import Value

MOST_LETTERS = 10_000
"""Of a comment."""

_ITSELF = "inspection "
"""What the key of a part without content begins with; its inspection's number follows."""


class Comment(Value):
    """What somebody said of a part."""

    author: str
    at: AwareDatetime
    text: str


class RecentComment(NamedTuple):
    """A comment, and the newest inspection of its part."""

    inspection: int
    image: str
    comment: Comment


def part_of(inspection: int, sha256: str) -> str:
    """By what a part is known: its content, else the one inspection that could not read it."""
    return sha256 or f"{_ITSELF}{inspection}"


def commented() -> ColumnElement[bool]:
    """Whether an inspection's part has comments."""
    parts = select(CommentTable.part)
    content, key = col(InspectionTable.sha256), cast(col(InspectionTable.id), Text)
    return or_(content.in_(parts), and_(content == "", (literal(_ITSELF) + key).in_(parts)))


def comments_on(session: Session, parts: Iterable[str]) -> dict[str, tuple[Comment, ...]]:
    """Part → its comments, oldest first; parts without any are left out."""
    query = select(CommentTable).where(col(CommentTable.part).in_(set(parts)))
    said: dict[str, tuple[Comment, ...]] = {}
    for entry in session.exec(query.order_by(col(CommentTable.id))):
        said[entry.part] = (*said.get(entry.part, ()), comment_of(entry))
    return said


def comment_of(entry: CommentTable) -> Comment:
    """A comment from its row."""
    return Comment(author=entry.author, at=entry.at, text=entry.text)


def add_comment(session: Session, part: str, text: str, author: str) -> Comment:
    """Add a comment; the same words of the same person right after each other stand once.

    Raises:
        ValueError: nobody says it, or nothing is said.
    """
    name, words = author.strip(), text.strip()[:MOST_LETTERS]
    if not name:
        raise ValueError(f"author {author!r} is no name")
    if not words:
        raise ValueError(f"a comment needs a text, not {text!r}")
    query = select(CommentTable).where(CommentTable.part == part)
    last = session.exec(query.order_by(col(CommentTable.id).desc()).limit(1)).first()
    if last is not None and (last.author, last.text) == (storable(name), storable(words)):
        return comment_of(last)
    row = CommentTable(part=part, at=datetime.now(UTC), author=name, text=words)
    session.add(row)
    session.flush()
    return comment_of(row)


def newest_comments(session: Session, limit: int) -> list[RecentComment]:
    """The newest comments on parts that are in the store, newest first."""
    entries = session.exec(
        select(CommentTable).order_by(col(CommentTable.id).desc()).limit(limit)
    ).all()
    where = _newest_inspections(session, [entry.part for entry in entries])
    return [
        RecentComment(*where[entry.part], comment_of(entry))
        for entry in entries
        if entry.part in where
    ]


def _newest_inspections(session: Session, parts: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Part → the newest inspection of it, and its image's name."""
    table = InspectionTable
    newest = (
        select(func.max(table.id))
        .where(col(table.sha256).in_([part for part in parts if not part.startswith(_ITSELF)]))
        .group_by(col(table.sha256))
    )
    alone = [int(part.removeprefix(_ITSELF)) for part in parts if part.startswith(_ITSELF)]
    query = select(table.id, table.sha256, table.image).where(
        or_(col(table.id).in_(newest), and_(col(table.id).in_(alone), col(table.sha256) == ""))
    )
    return {
        part_of(key or 0, sha256): (key or 0, image) for key, sha256, image in session.exec(query)
    }
