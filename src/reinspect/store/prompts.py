"""Texts of prompts: each kept once, in its own table, and put back into calls when read.

Pictures of one product are mostly asked the same; a text in every call would be most of the store.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from reinspect.store.tables import PromptTable
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Call, Product

_ASKED_FOR = 500  # keys in one query


def without_texts(products: Sequence[Product]) -> tuple[Product, ...]:
    """The products as `steps` keeps them: a call names its text by its hash alone."""
    return tuple(
        product.model_copy(update={"text": ""}) if _has_key(product) else product
        for product in products
    )


def put_texts(connection: Connection, traces: Iterable[Trace]) -> None:
    """Keep the texts of all calls that are not kept yet."""
    texts = {
        call.text_sha256: call.text
        for trace in traces
        for call in _calls(trace.all_steps)
        if call.text_sha256 and call.text
    }
    if not texts:
        return
    rows = [{"sha256": key, "text": texts[key]} for key in sorted(texts)]  # the same order for all
    add = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(add(PromptTable).on_conflict_do_nothing(), rows)


def with_texts(session: Session, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with the texts of their calls."""
    keys = sorted({call.text_sha256 for call in _calls(steps) if call.text_sha256})
    if not keys:
        return tuple(steps)
    texts: dict[str, str] = {}
    for start in range(0, len(keys), _ASKED_FOR):
        part = keys[start : start + _ASKED_FOR]
        query = select(PromptTable.sha256, PromptTable.text).where(
            col(PromptTable.sha256).in_(part)
        )
        texts.update(session.exec(query).all())

    def whole(product: Product) -> Product:
        if not isinstance(product, Call) or product.text_sha256 not in texts:
            return product
        return product.model_copy(update={"text": texts[product.text_sha256]})

    return tuple(
        step.model_copy(update={"products": tuple(map(whole, step.products))}) for step in steps
    )


def _has_key(product: Product) -> bool:
    return isinstance(product, Call) and product.text_sha256 is not None


def _calls(steps: Iterable[Step]) -> Iterable[Call]:
    return (p for step in steps for p in step.products if isinstance(p, Call))
