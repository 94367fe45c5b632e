"""HTTP/1.1 that waits for a request's head for a while only; uvicorn itself waits for ever."""

import asyncio
import itertools
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

IDLE = 512
"""Connections on which nothing is asked just now; of more, the one that has longest said nothing is
closed, of the address that has the most."""

_used = itertools.count()


class PunctualProtocol(H11Protocol):
    """Closes a connection on which no request has begun for `timeout_keep_alive` seconds.

    One byte of a head now and then stops uvicorn's own timer, but not this one. It runs when a
    connection is made and when an answer is complete; a body that is still being sent then, and
    which nobody wants, has as long. Of more than `IDLE` connections without a request the oldest
    is closed.
    """

    number: int
    """Of its last use: they count up."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.number = next(_used)
        self._wait_for_another(None)
        self._make_room()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked on it, or not yet to the end of a head."""
        asked = self.cycle is not None and not self.cycle.response_complete
        return not asked and not self.transport.is_closing()

    def _make_room(self) -> None:
        """However many connections somebody opens, the others' are taken and answered."""
        idle = [one for one in self.connections if one.is_idle]  # type: ignore[union-attr]
        if len(idle) <= IDLE:
            return
        (most, _), *_ = Counter(_host(one) for one in idle).most_common(1)
        oldest = min((one for one in idle if _host(one) == most), key=lambda one: one.number)
        oldest.transport.abort()

    def on_response_complete(self) -> None:
        done = self.cycle
        super().on_response_complete()
        self.number = next(_used)
        self._wait_for_another(done)

    def _wait_for_another(self, done: Any) -> None:
        self.loop.call_later(self.timeout_keep_alive, self._close_unless_another, done)

    def _close_unless_another(self, done: Any) -> None:
        if self.cycle is done and not self.transport.is_closing():
            self.transport.close()


def _host(connection: Any) -> str:
    return connection.client[0] if connection.client else ""
