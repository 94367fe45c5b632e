"""Column types: text of any origin, values as JSON text, and moments in UTC."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import FiniteFloat, TypeAdapter
from pydantic_core import PydanticSerializationError
from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from reinspect.vocabulary import Box, Defect, Picture, Product, Sample, Truth, Verdict

# Half of a surrogate pair (a file name that isn't UTF-8), and NUL, which PostgreSQL refuses.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text, with characters that no database takes written out as in JSON."""
    return _UNSTORABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Words(TypeDecorator[str]):
    """Text from anywhere: file names, models, error messages."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Moment(TypeDecorator[datetime]):
    """A point in time with its zone, kept in UTC: SQLite has no column that keeps a zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """A value as JSON text, written and read by pydantic; floats survive to the last bit."""

    impl = Text
    adapter: ClassVar[TypeAdapter[Any]]

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            return self.adapter.dump_json(value).decode()
        except PydanticSerializationError:  # half a surrogate pair somewhere in it
            text = json.dumps(self.adapter.dump_python(value, mode="json"), ensure_ascii=False)
            return _UNSTORABLE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else self.adapter.validate_json(value)


class ProductsColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(tuple[Product, ...])


class DefectsColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(tuple[Defect, ...])


class PicturesColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(tuple[Picture, ...])


class BoxesColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(tuple[Box, ...])


class SampleColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(Sample)


class VerdictColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(Verdict)


class NamesColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(tuple[str, ...])


class TruthsColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(Mapping[str, Truth])


class TextsColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(Mapping[str, str])


class CountersColumn(Json):
    cache_ok = True
    adapter = TypeAdapter(Mapping[str, FiniteFloat])
