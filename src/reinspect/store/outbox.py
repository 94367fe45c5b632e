"""What is still to be published of a run: numbered in the transaction that writes its row.

A transactional outbox: whatever is killed, a verdict that is stored is there to be published, in
the order in which verdicts were stored. Writers of one run take turns, so numbers have no gap.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, insert, update
from sqlmodel import col, select

from reinspect.store.database import persisting, reading, writing
from reinspect.store.inspected import Inspected, inspections_of
from reinspect.store.tables import InspectionTable, OutboxTable, PublicationTable


class PendingVerdict(NamedTuple):
    """A stored verdict that is to be published."""

    number: int
    """Counts up by one within a run, from 1."""
    inspected: Inspected
    stored: datetime


class Outbox:
    """The verdicts of one run that are to be published. Raises `StoreError` for its faults."""

    def __init__(self, engine: Engine, run_id: int) -> None:
        self._engine, self._run_id = engine, run_id

    def pending(self, after: int, most: int) -> list[PendingVerdict]:
        """The next ones in order.

        Args:
            after: the number of the last one that is known.
            most: how many.
        """
        own = select(OutboxTable.number, OutboxTable.inspection_id, col(InspectionTable.at))
        query = (
            own.join(InspectionTable, col(OutboxTable.inspection_id) == col(InspectionTable.id))
            .where(OutboxTable.run_id == self._run_id, OutboxTable.number > after)
            .order_by(col(OutboxTable.number))
            .limit(most)
        )
        with reading(self._engine) as session:
            found = session.exec(query).all()
            known = {one.id: one for one in inspections_of(session, [key for _, key, _ in found])}
        return [PendingVerdict(number, known[key], at) for number, key, at in found]

    def published(self, number: int) -> None:
        """All up to this number were taken."""

        def forget(connection: Connection) -> None:
            connection.execute(
                delete(OutboxTable).where(
                    col(OutboxTable.run_id) == self._run_id, col(OutboxTable.number) <= number
                )
            )
            connection.execute(
                update(PublicationTable)
                .where(col(PublicationTable.run_id) == self._run_id)
                .where(col(PublicationTable.published) < number)
                .values(published=number)
            )

        persisting(writing(self._engine), forget)

    @property
    def cursor(self) -> int:
        """The number of the last one that was taken; 0 for none."""
        query = select(PublicationTable.published).where(PublicationTable.run_id == self._run_id)
        with reading(self._engine) as session:
            return session.exec(query).first() or 0

    @property
    def waiting(self) -> int:
        """How many are to be published."""
        query = select(func.count()).select_from(OutboxTable)
        with reading(self._engine) as session:
            return session.exec(query.where(col(OutboxTable.run_id) == self._run_id)).one()


def put_pending(connection: Connection, run_id: int, inspections: Sequence[int]) -> None:
    """Number what was stored, for whoever publishes. The run must be locked."""
    own = col(PublicationTable.run_id) == run_id
    last = connection.scalar(select(PublicationTable.numbered).where(own))
    if last is None:
        connection.execute(insert(PublicationTable).values(run_id=run_id, numbered=0, published=0))
        last = 0
    numbers = range(last + 1, last + 1 + len(inspections))
    connection.execute(
        insert(OutboxTable),
        [
            {"run_id": run_id, "number": number, "inspection_id": key}
            for number, key in zip(numbers, inspections, strict=True)
        ],
    )
    last += len(inspections)
    connection.execute(update(PublicationTable).where(own).values(numbered=last))
