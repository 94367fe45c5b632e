"""HTTP/1.1 that waits for a request's head for a while only; uvicorn itself waits for ever."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class PunctualProtocol(H11Protocol):
    """Closes a connection on which no request has begun for `timeout_keep_alive` seconds.

    One byte of a head now and then stops uvicorn's own timer, but not this one. It runs when a
    connection is made and when an answer is complete; a body that is still being sent then, and
    which nobody wants, has as long.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_another(None)

    def on_response_complete(self) -> None:
        done = self.cycle
        super().on_response_complete()
        self._wait_for_another(done)

    def _wait_for_another(self, done: Any) -> None:
        self.loop.call_later(self.timeout_keep_alive, self._close_unless_another, done)

    def _close_unless_another(self, done: Any) -> None:
        if self.cycle is done and not self.transport.is_closing():
            self.transport.close()
