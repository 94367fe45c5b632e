"""Where an MQTT broker is, and what opens it."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from reinspect.errors import ReinspectError, shorten
from reinspect.settings import Settings

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LONGEST = 200


class LineError(ReinspectError, ValueError):
    """The line can't be served as it was asked for; one line: what, why, what to do."""


@dataclass(frozen=True, slots=True)
class Broker:
    """An MQTT broker, and the topic below which we publish."""

    host: str
    port: int
    topic: str
    """What all our topics begin with, without a slash at its end."""
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    authority: Path | None = None
    """Certificates to trust; the system's by default."""
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be reached.

        Raises:
            LineError: paho-mqtt is not installed, or a file is missing.
        """
        if importlib.util.find_spec("paho") is None:
            raise LineError("MQTT needs paho-mqtt: pip install 'reinspect[line]'")
        if (self.key is None) != (self.certificate is None):
            raise LineError(
                "REINSPECT_MQTT_CERT and REINSPECT_MQTT_KEY go together: set both, or neither"
            )
        for file in (self.authority, self.certificate, self.key):
            if file is not None and not self.tls:
                raise LineError(f"{self}: has no TLS, though there is a certificate: use mqtts://")
            if file is not None and not file.is_file():
                raise LineError(f"{file}: there is no such file; see REINSPECT_MQTT_…")

    def __str__(self) -> str:
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}/{self.topic}"

    @classmethod
    def of(cls, url: str, settings: Settings) -> Self:
        """A broker by its URL, `mqtt[s]://[user@]host[:port]/topic`.

        Args:
            url: as people write it.
            settings: what the environment says of user, password and certificates.

        Raises:
            LineError: it is no such URL; paho-mqtt or a file is missing.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as failure:
            raise LineError(unparsed(url, failure)) from failure
        fault = _fault(parts)
        if fault:
            # A password must not be shown, wherever it stands.
            raise LineError(f"{parts.scheme or 'URL'}://{parts.hostname or ''}…: {fault}")
        tls = parts.scheme == "mqtts"
        user = unquote(parts.username) if parts.username else settings.mqtt_user
        return cls(
            host=parts.hostname or "",
            port=port or _PORTS[parts.scheme],
            topic=unquote(parts.path).strip("/"),
            tls=tls,
            user=user,
            password=settings.mqtt_password,
            authority=settings.mqtt_ca,
            certificate=settings.mqtt_cert,
            key=settings.mqtt_key,
        )


def unparsed(url: str, failure: ValueError | str) -> str:
    """What to say of an address that can't be taken apart.

    A password may stand anywhere in it, and in what the failure quotes: neither is shown then.
    """
    if "@" not in url:
        return f"{shorten(url)}: {failure}"
    return "the address with a user in it can't be read: leave the password out"


def _fault(parts: SplitResult) -> str | None:
    topic = unquote(parts.path).strip("/")
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host or any(map(str.isspace, host)):
        return "is no broker: write mqtt://host/topic, or mqtts:// with TLS"
    if parts.password is not None:
        return "a password in a URL is seen by all: set REINSPECT_MQTT_PASSWORD"
    if parts.query or parts.fragment:
        return "nothing is read after the topic: write mqtt://host/topic"
    if not topic or len(topic) > _LONGEST:
        return "needs a topic: write mqtt://host/line-3"
    if any(char in "+#" or not char.isprintable() for char in topic) or topic.startswith("$"):
        return "the topic has a wildcard or a control character: use letters and slashes"
    return None
