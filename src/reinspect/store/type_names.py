"""What types of defects are called: one list a product, that people edit; nothing is rewritten.

A row says that what has a name is called otherwise from then on. Two types of one name are merged.
Rows that are read back have the names of today; traces and annotations stay as they were recorded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from pydantic import AwareDatetime
from sqlmodel import Session, col, select

from reinspect.store.tables import TypeNameTable
from reinspect.vocabulary import Defect, Value

MOST_LETTERS = 200
"""Of a type's name."""


class TypeName(Value):
    """Somebody's decision on what a type of a product is called."""

    category: str | None
    name: str
    becomes: str
    author: str
    at: AwareDatetime

    @property
    def own(self) -> bool:
        """Whether it has its own name, for the first time or again."""
        return self.name == self.becomes


@dataclass(frozen=True, slots=True)
class TypeNames:
    """Product → name on record → name of today, for those that anybody has decided on."""

    current: Mapping[str | None, Mapping[str, str]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    @classmethod
    def of(cls, decided: Iterable[TypeName]) -> "TypeNames":
        """As decided, oldest first: whoever is called that now, is called so from then on."""
        current: dict[str | None, dict[str, str]] = {}
        for one in decided:
            known = current.setdefault(one.category, {})
            if one.own:
                known[one.name] = one.name
                continue
            known.setdefault(one.name, one.name)
            known.setdefault(one.becomes, one.becomes)
            for name, today in known.items():
                if today == one.name:
                    known[name] = one.becomes
        return cls({category: dict(known) for category, known in current.items()})

    def today(self, category: str | None, name: str) -> str:
        """What a type of a product is called today."""
        return self.current.get(category, {}).get(name, name)

    def recorded(self, category: str | None, name: str) -> tuple[str, ...]:
        """The names on record of what is called that today."""
        known = self.current.get(category, {})
        others = [one for one, today in known.items() if today == name and one != name]
        return (*others, *([name] if known.get(name, name) == name else []))

    def listed(self, category: str | None) -> set[str]:
        """Today's names that people have decided on."""
        return set(self.current.get(category, {}).values())

    def applied(self, category: str | None, defects: Iterable[Defect]) -> tuple[Defect, ...]:
        """Defects by today's names."""
        return tuple(
            one
            if one.type is None or self.today(category, one.type) == one.type
            else one.model_copy(update={"type": self.today(category, one.type)})
            for one in defects
        )


def decided_types(session: Session) -> list[TypeName]:
    """All decisions, oldest first."""
    entries = session.exec(select(TypeNameTable).order_by(col(TypeNameTable.id)))
    return [TypeName.model_validate(one.model_dump(exclude={"id"})) for one in entries]


def type_names(session: Session) -> TypeNames:
    """What types are called today."""
    return TypeNames.of(decided_types(session))


def decide_type(
    session: Session, category: str | None, name: str, becomes: str, author: str
) -> TypeName:
    """Add a decision.

    Raises:
        ValueError: nobody decides, or a name is missing or too long.
    """
    who, old, new = author.strip(), name, " ".join(becomes.split())
    if not who:
        raise ValueError(f"author {author!r} is no name")
    if not old or not new or len(new) > MOST_LETTERS:
        raise ValueError(f"a type needs a name of at most {MOST_LETTERS} letters, not {becomes!r}")
    row = TypeNameTable(category=category, name=old, becomes=new, at=datetime.now(UTC), author=who)
    session.add(row)
    session.flush()
    return TypeName.model_validate(row.model_dump(exclude={"id"}))
