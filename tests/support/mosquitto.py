"""Debian's Mosquitto on a free port: a broker of our own, that can be killed and started again."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.local_server import free_port
from support.requirements import Late

mqtt: Any = Late("paho.mqtt.client")

PLACES = "/usr/sbin:/usr/local/sbin"


class NoMosquittoError(RuntimeError):
    """There is none on this machine; the message says what to do."""


class Mosquitto:
    """A broker; a context manager. What it has queued for subscribers outlives it."""

    def __init__(self, folder: Path, *settings: str) -> None:
        found = shutil.which("mosquitto") or shutil.which("mosquitto", path=PLACES)
        if found is None:
            raise NoMosquittoError("no Mosquitto: apt-get install mosquitto")
        self._program, self.port = found, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "persistence true", "log_dest none"]
        lines += [f"persistence_location {folder}/", "autosave_interval 1"]
        lines += ["autosave_on_changes true", "max_queued_messages 0", *settings]
        lines += [] if settings else ["allow_anonymous true"]
        lines += ["user root"] if os.geteuid() == 0 else []
        self._file.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}/line-3"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop(signal.SIGKILL)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._file)], stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self._process.poll() is None, self._file.read_text()
            time.sleep(0.02)
        raise AssertionError("the broker never listened")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()


class Subscriber:
    """Keeps what is published below a topic, through restarts of the broker; a context manager."""

    def __init__(self, broker: Mosquitto, below: str = "line-3") -> None:
        self._lock = threading.Lock()
        self.received: list[tuple[str, dict[str, Any], float]] = []
        """Topic, message, and when it came by the clock."""
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="controller", clean_session=False
        )
        self._ready = threading.Event()
        client.on_connect = lambda c, *_: c.subscribe(f"{below}/#", qos=1)
        client.on_subscribe = lambda *_: self._ready.set()
        client.on_message = self._take
        client.reconnect_delay_set(0.1, 0.1)
        self._client, self._port = client, broker.port

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: object, _data: object, message: Any) -> None:
        if message.topic.endswith("/inspect"):  # what we sent ourselves
            return
        content = json.loads(message.payload)
        with self._lock:
            self.received.append((message.topic, content, time.time()))

    def send(self, topic: str, text: str) -> None:
        """Publish below the line's topic."""
        self._client.publish(f"line-3/{topic}", text, qos=1)

    def of(self, topic: str) -> list[dict[str, Any]]:
        with self._lock:
            return [content for name, content, _ in self.received if name.endswith(f"/{topic}")]

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        return self.of("verdicts")

    @property
    def once(self) -> list[int]:
        """The numbers of the verdicts in the order in which each came first."""
        return list(dict.fromkeys(verdict["number"] for verdict in self.verdicts))

    def wait_for(self, ready: Callable[["Subscriber"], object], seconds: float = 60.0) -> None:
        """Until it is so."""
        end = time.monotonic() + seconds
        while not ready(self):
            assert time.monotonic() < end, self.received
            time.sleep(0.01)
