"""Who may come in, how often, and with how much: asked before a byte of a body is read."""

import asyncio
import hashlib
import hmac
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reinspect.api.answers import Refused, problem

HEADER = "X-API-Key"

_CLIENTS = 10_000  # whose rate is remembered


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request, one client, and all clients together may do."""

    max_bytes: int = 32 << 20
    """Of a request's body."""
    max_images: int = 100
    """Pictures in a batch."""
    rate: float = 20.0
    """Requests a second and client, in the long run; twice as many at once."""
    uploads: int = 32
    """Bodies that are read at the same time; one client has half of these at most."""
    slot_seconds: float = 10.0
    """That a request waits for its turn to send its body."""
    body_seconds: float = 60.0
    """In which a body has to arrive."""


class Keys:
    """The keys that open the server; none at all leaves it open."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def client(self, given: str | None) -> str | None:
        """The name of whoever has this key; none if nobody has. It takes the same time for all."""
        digest = _digest(given or "")
        # Every key is compared, so that the time says nothing of which one was nearly right.
        fits = [hmac.compare_digest(digest, known) for known in self._digests]
        return f"key {fits.index(True)}" if any(fits) else None


class Buckets:
    """A token bucket a client: `rate` a second, twice as many at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not rate > 0:
            raise ValueError(f"rate must be more than 0 requests a second, not {rate!r}")
        self._rate, self._most, self._clock = rate, max(1.0, 2 * rate), clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Take a token. Seconds until there is one, if there is none; else 0."""
        now = self._clock()
        level, since = self._levels.pop(client, (self._most, now))
        level = min(self._most, level + (now - since) * self._rate)
        short = max(0.0, 1 - level)
        self._levels[client] = (level if short else level - 1, now)
        if len(self._levels) > _CLIENTS:
            self._levels.popitem(last=False)
        return short / self._rate


class BodySlots:
    """Turns to send a body: so many at once, half of them to one client, in the order of asking.

    A turn ends when the body is there: whoever waits for a verdict takes nobody's place.
    """

    def __init__(self, most: int) -> None:
        self._most, self._own = most, max(1, most // 2)
        self._taken: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    async def take(self, client: str, patience: float) -> bool:
        """Wait for a turn; whether it came within so many seconds."""
        if self._has_room(client):
            self._taken[client] += 1
            return True
        if sum(other == client for other, _ in self._waiting) >= WAITING * self._own:
            return False
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((client, turn))
        try:
            async with asyncio.timeout(patience):
                await turn
        except TimeoutError:
            return turn.done() and not turn.cancelled()
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.free(client)
            raise
        finally:
            self._waiting = [other for other in self._waiting if other[1] is not turn]
        return True

    def free(self, client: str) -> None:
        """End a turn; the next ones begin."""
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]
        for waiting, turn in self._waiting:
            if not turn.done() and self._has_room(waiting):
                self._taken[waiting] += 1
                turn.set_result(None)

    def _has_room(self, client: str) -> bool:
        return self._taken.total() < self._most and self._taken[client] < self._own


WAITING = 4
"""Times as many of a client's requests as may send at once may wait for it."""


class Gate:
    """ASGI middleware before everything under `/v1`."""

    def __init__(
        self, app: ASGIApp, keys: Keys, limits: RequestLimits, trouble: Callable[[], str | None]
    ) -> None:
        self._app, self._keys, self._limits, self._trouble = app, keys, limits, trouble
        self._buckets = Buckets(limits.rate)
        self._slots = BodySlots(limits.uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        try:
            client = self._admit(Request(scope))
            if scope["method"] == "POST" and not await self._slots.take(
                client, self._limits.slot_seconds
            ):
                said = "too many uploads at once; send it again in a second"
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, said, retry_after=1)
        except Refused as refusal:
            await problem(refusal)(scope, receive, send)
            return
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._limits, lambda: self._slots.free(client))
        try:
            await self._app(scope, body, send)
        finally:
            body.end()

    def _admit(self, request: Request) -> str:
        """Who it is."""
        client = self._keys.client(request.headers.get(HEADER))
        address = request.client.host if request.client else ""
        name = client or f"address {address}"
        seconds = self._buckets.wait(name)
        if seconds:
            later = math.ceil(seconds)
            said = f"more than {self._limits.rate:g} requests a second; wait {later} s"
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, said, retry_after=later)
        if self._keys and client is None:
            raise Refused(HTTPStatus.UNAUTHORIZED, f"send a valid key in the header {HEADER}")
        if request.method != "POST":
            return name
        if _length(request) > self._limits.max_bytes:
            raise too_large(self._limits)
        busy = self._trouble()
        if busy:
            said = f"{busy}; send it again in a second"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, said, retry_after=1)
        return name


class _Body:
    """A request's body, as far as it keeps to the limits."""

    def __init__(
        self, receive: Receive, limits: RequestLimits, ended: Callable[[], object]
    ) -> None:
        self._receive, self._limits, self._ended = receive, limits, ended
        self._open = True
        self._size, self._over = 0, False
        self._end = asyncio.get_running_loop().time() + limits.body_seconds

    async def __call__(self) -> Message:
        if self._over:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            said = f"the body did not arrive in {self._limits.body_seconds:g} s; send it again"
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, said) from None
        self._size += len(message.get("body", b""))
        self._over = not message.get("more_body", False)
        if self._over:
            self.end()
        if self._size > self._limits.max_bytes:
            raise too_large(self._limits)
        return message

    def end(self) -> None:
        """It is there, or nobody wants it any more: another one may come."""
        if self._open:
            self._open = False
            self._ended()


def too_large(limits: RequestLimits) -> Refused:
    """A body is over the limit."""
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a request of more than {limits.max_bytes} bytes; send a smaller picture, or fewer",
    )


def _length(request: Request) -> int:
    told = request.headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() else 0


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
