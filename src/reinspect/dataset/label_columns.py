"""Which columns of a table say whether a part is good, and what the words in them mean."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from reinspect.dataset.items import DataError
from reinspect.dataset.understood import BAD, means_good
from reinspect.images import one_line
from reinspect.vocabulary import Label

KINDS = ("label", "class", "target", "anomaly_class")
"""Columns of a word a part: good, or the kind of its defect."""

_BAD_COLUMNS = frozenset(
    {"anomalous", "anomaly", "bad", "defect", "defective", "faulty", "has_defect", "is_anomalous"}
    | {"is_anomaly", "is_bad", "is_defect", "is_defective", "is_faulty", "is_ng", "ng", "nok"}
)
"""Columns whose yes is a defect."""
_GOOD_COLUMNS = frozenset(
    {"good", "is_good", "is_normal", "is_ok", "normal", "ok", "pass", "passed"}
)
"""Columns whose yes is a good part."""
ANSWERS = _BAD_COLUMNS | _GOOD_COLUMNS
"""Columns of yes and no."""

_YES = frozenset({"1", "true", "yes", "y", "t"})
_NO = frozenset({"0", "false", "no", "n", "f"})
_GOOD = frozenset({"0", "false"})
_BAD = BAD | {"1", "true"}
_HOLES = frozenset({"", "-", "nan", "n/a", "#n/a"})
_OPEN = frozenset({"yes", "no", "-1"})
"""Words that may mean either where the column doesn't say what is asked."""
_OPEN_ALONE = (frozenset({"y", "n"}), frozenset({"t", "f"}))
"""Such words where the column has no others."""

DEFECT = "defect"
"""The kind of a defect of which no more is said."""


class SaidOfPart(NamedTuple):
    """What a row says of its part."""

    label: Label | None
    kind: str | None = None
    """Of the defect."""
    by_number: bool = False
    """Whether it is 0 or false where words are expected, which is taken for good."""


class LabelColumns(NamedTuple):
    """The columns of a table that say whether a part is good."""

    answer: str | None
    """That of yes and no."""
    kinds: str | None
    """That of a word."""

    @classmethod
    def of(cls, names: Sequence[str], rows: Iterable[Mapping[str, str]]) -> Self | None:
        """Those of a table; None where it has none.

        A column of numbers other than 0, 1 and -1 is a score, whatever it is called.
        """
        every = tuple(rows)
        answers = (name for name in names if name in ANSWERS)
        answer = next((name for name in answers if not _is_score(every, name)), None)
        kinds = next((name for name in names if name in KINDS), None)
        return cls(answer, kinds) if answer or kinds else None

    def refuse_open(self, file: str, rows: Iterable[Mapping[str, str]]) -> None:
        """Refuse words that may mean good as well as defective.

        Raises:
            DataError: there is one; it is in the message.
        """
        column = self.answer or self.kinds or ""
        words = {_plain(row[column]): row[column].strip() for row in rows}
        words = {plain: word for plain, word in words.items() if plain not in _HOLES}
        held = {*words} & ({"-1"} if self.answer else _OPEN)
        if not self.answer and any(words and words.keys() <= pair for pair in _OPEN_ALONE):
            held = {*words}
        if held:
            raise DataError(
                f"{one_line(file)}: {column} {one_line(words[min(held)])!r} may mean good or "
                "defective: write good and the kind of defect, or yes and no in a column defective"
            )

    def read(self, row: Mapping[str, str]) -> SaidOfPart:
        """What a row says."""
        word = "" if self.kinds is None else row[self.kinds].strip()
        if self.answer is None:
            return _of_kind(word)
        own = _of_answer(row[self.answer].strip(), self.answer)
        if own.label is Label.ANOMALOUS and own.kind == DEFECT:
            return own._replace(kind=_of_kind(word).kind or DEFECT)
        return own


def _of_kind(word: str) -> SaidOfPart:
    plain = _plain(word)
    if plain in _HOLES:
        return SaidOfPart(None)
    if means_good(word) or plain in _GOOD:
        return SaidOfPart(Label.NORMAL, by_number=plain in _GOOD)
    return SaidOfPart(Label.ANOMALOUS, DEFECT if plain in _BAD else word)


def _of_answer(word: str, column: str) -> SaidOfPart:
    plain = _plain(word)
    if plain in _YES | _NO:
        bad = (plain in _YES) is (column in _BAD_COLUMNS)
        return SaidOfPart(Label.ANOMALOUS, DEFECT) if bad else SaidOfPart(Label.NORMAL)
    return SaidOfPart(Label.NORMAL) if plain == "none" else _of_kind(word)


def _plain(word: str) -> str:
    """A word without its capitals; a whole number as such: `1.0` and `+1` are `1`."""
    plain = word.strip().lower()
    try:
        number = float(plain)
    except ValueError:
        return plain
    return str(int(number)) if number.is_integer() else plain


def _is_score(rows: Iterable[Mapping[str, str]], column: str) -> bool:
    words = {_plain(row[column]) for row in rows} - _HOLES - {"0", "1", "-1"}
    return any(map(_is_number, words))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
