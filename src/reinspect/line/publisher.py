"""Stored verdicts to an MQTT broker: in order, each at least once, whatever is away meanwhile."""

import importlib.metadata
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from pydantic import ValidationError

from reinspect.errors import explain_invalid
from reinspect.line.broker import Broker, LineError
from reinspect.line.messages import (
    InspectRefusal,
    InspectRequest,
    LineState,
    Presence,
    PublishedVerdict,
)
from reinspect.runs.defaults import UsageError
from reinspect.runs.on_request import OnRequest
from reinspect.store import Inspected, Run, Store, StoreError

if TYPE_CHECKING:
    from paho.mqtt.client import Client

WINDOW = 20
"""Messages on their way to the broker; as many as it takes unanswered by default."""

KEEP_ALIVE = 15
"""Seconds of silence after which each side asks whether the other is there."""

SLOWEST = 15
"""Seconds between two tries to reach a broker that is away for long; the first is after one."""

SAVING = 1.0
"""Seconds between two marks in the store of how far it has come: each takes the disk a moment, and
a program that is killed has so much to send again."""

DRAIN = 5.0
"""Seconds that are usual for the last ones."""


class Publisher:
    """Sends the verdicts of a run as they are stored, by a thread of its own.

    Nothing waits for the broker: what it misses stays in the run's outbox, and is sent when it is
    back, by the next program if need be. Mosquitto and its like keep the order of one topic.

    Args:
        broker: where to.
        store: that the run is in.
        run: whose verdicts.
        link: where people find the trace of a verdict.
        say: is told in one line when the broker goes, or comes back.
        drain: seconds to send what is left when the run ends.
        source: is asked by what comes on the topic `inspect`.

    Raises:
        LineError: certificates can't be used.
    """

    def __init__(
        self,
        broker: Broker,
        store: Store,
        run: Run,
        *,
        link: Callable[[Inspected], str],
        say: Callable[[str], object],
        drain: float = DRAIN,
        source: OnRequest | None = None,
    ) -> None:
        self._broker, self._run, self._link, self._say = broker, run, link, say
        self._drain, self._source = drain, source
        self._outbox = store.outbox(run.id)
        self._events: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._client = self._made()
        self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)
        self._stopping: float | None = None
        self._connected = self._resending = False
        self._troubled = self._faulty = False
        self._sent = self._taken = self._saved = 0
        self._saved_at = 0.0
        self._flying: deque[tuple[int, int]] = deque()  # message id, number
        self._answered: set[int] = set()

    def __enter__(self) -> Self:
        self._sent = self._taken = self._saved = self._outbox.cursor
        self._client.connect_async(self._broker.host, self._broker.port, KEEP_ALIVE)
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """Send what is left, for a few seconds; then say that nobody inspects any more."""
        self._stopping = time.monotonic() + self._drain
        self.wake()
        self._thread.join()
        if self._client.is_connected():
            info = self._announce(Presence.STOPPED)
            info.wait_for_publish(2.0)
        self._client.disconnect()
        self._client.loop_stop()
        try:
            left = self._outbox.waiting
        except StoreError:  # which whoever writes there says
            return
        if left:
            self._say(f"{self._broker}: {left} verdicts were not taken; --resume sends them")

    def wake(self) -> None:
        """Something was stored."""
        self._events.put(("stored", None))

    def _made(self) -> "Client":
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2, client_id=f"reinspect-{uuid4().hex[:12]}")
        broker = self._broker
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            try:
                context = ssl.create_default_context(cafile=broker.authority)
                if broker.certificate is not None:
                    context.load_cert_chain(broker.certificate, broker.key)
            except (OSError, ssl.SSLError) as failure:
                raise LineError(
                    f"{broker}: a certificate can't be used ({failure}); see REINSPECT_MQTT_…"
                ) from failure
            client.tls_set_context(context)
        client.max_inflight_messages_set(2 * WINDOW)
        client.reconnect_delay_set(1, SLOWEST)
        client.will_set(self._topic("state"), self._state(Presence.LOST), qos=1, retain=True)
        # Paho calls these with its locks held: they leave word, and nothing else.
        client.on_connect = lambda _c, _u, _f, code, _p: self._events.put(("connected", code))
        client.on_connect_fail = lambda _c, _u: self._events.put(("lost", "can't be reached"))
        client.on_disconnect = lambda *_: self._events.put(("lost", "is gone"))
        client.on_publish = lambda _c, _u, mid, _r, _p: self._events.put(("taken", mid))
        client.on_message = lambda _c, _u, message: self._events.put(("asked", message.payload))
        return client

    def _topic(self, name: str) -> str:
        return f"{self._broker.topic}/{name}"

    def _state(self, presence: Presence) -> str:
        version = importlib.metadata.version("reinspect")
        now = datetime.now(UTC)
        return LineState(
            state=presence, run=self._run.name, version=version, since=now
        ).model_dump_json()

    def _announce(self, presence: Presence) -> Any:
        return self._client.publish(self._topic("state"), self._state(presence), 1, retain=True)

    def _work(self) -> None:
        while self._stopping is None or (
            time.monotonic() < self._stopping and (self._flying or self._left)
        ):
            self._heed()
            try:
                self._send()
                self._save()
            except StoreError as failure:  # it is away, or busy: what it has stays there
                if not self._faulty:
                    self._say(f"nothing is published meanwhile: {failure}")
                self._faulty = True
            else:
                self._faulty = False
        self._heed(wait=False)
        try:
            self._save(now=True)
        except StoreError as failure:
            self._say(f"how far was published can't be kept, so some is sent again: {failure}")

    @property
    def _left(self) -> bool:
        try:
            return bool(self._outbox.pending(self._sent, 1))
        except StoreError:
            return False

    def _heed(self, *, wait: bool = True) -> None:
        """Take in all that has happened; wait for something if nothing has."""
        unsaved = self._taken > self._saved
        patience = SAVING if unsaved or self._stopping is not None or self._faulty else None
        try:
            what, of = self._events.get(block=wait, timeout=patience)
            while True:
                self._note(what, of)
                what, of = self._events.get_nowait()
        except Empty:
            pass
        while self._flying and self._flying[0][0] in self._answered:
            mid, self._taken = self._flying.popleft()
            self._answered.discard(mid)

    def _note(self, what: str, of: Any) -> None:
        if what == "taken":
            self._answered.add(of)
        elif what == "connected" and of.is_failure:
            self._is_away(f"refuses us: {of}; see REINSPECT_MQTT_USER and REINSPECT_MQTT_PASSWORD")
        elif what == "connected":
            # What was on its way is sent again by the client; nothing newer may overtake it.
            self._connected, self._resending = True, True
            self._announce(Presence.INSPECTING)
            if self._source is not None:
                self._client.subscribe(self._topic("inspect"), qos=1)
            if self._troubled:
                self._say(f"{self._broker}: is back")
            self._troubled = False
        elif what == "asked" and self._source is not None:
            self._ask(of, self._source)
        elif what == "lost":
            self._is_away(of)

    def _ask(self, payload: bytes, source: OnRequest) -> None:
        try:
            asked = InspectRequest.model_validate_json(payload)
            source.ask(asked.part, asked.path)
        except ValidationError as failure:
            said = f"is no request: {explain_invalid(failure, InspectRequest)}"
        except UsageError as failure:
            said = str(failure)
        else:
            return
        shown = payload[:300].decode(errors="replace")
        refusal = InspectRefusal(request=shown, detail=said[:300]).model_dump_json()
        self._client.publish(self._topic("refused"), refusal, 1)

    def _is_away(self, why: str) -> None:
        self._connected = False
        if not self._troubled and self._stopping is None:
            self._say(f"{self._broker}: {why}; verdicts are stored, and sent when it is back")
        self._troubled = True

    def _send(self) -> None:
        self._resending = self._resending and bool(self._flying)
        while self._connected and not self._resending and len(self._flying) < WINDOW:
            found = self._outbox.pending(self._sent, WINDOW - len(self._flying))
            for pending in found:
                message = PublishedVerdict.of(
                    pending, run=self._run.name, trace=self._link(pending.inspected)
                )
                info = self._client.publish(self._topic("verdicts"), message.model_dump_json(), 1)
                self._flying.append((info.mid, pending.number))
                self._sent = pending.number
            if not found:
                break

    def _save(self, *, now: bool = False) -> None:
        if self._taken == self._saved:
            return
        if now or time.monotonic() - self._saved_at >= SAVING:
            self._outbox.published(self._taken)
            self._saved, self._saved_at = self._taken, time.monotonic()
