"""The address of a broker: what is read from it, and what is refused."""

from pathlib import Path

import pytest

from reinspect.line.broker import Broker, LineError
from reinspect.settings import Settings

pytestmark = pytest.mark.needs("paho")


@pytest.mark.parametrize(
    ("url", "host", "port", "topic", "tls"),
    [
        pytest.param("mqtt://plant/line-3", "plant", 1883, "line-3", False, id="plain"),
        pytest.param("mqtts://plant/line-3", "plant", 8883, "line-3", True, id="tls"),
        pytest.param("mqtt://plant:99/a/b/", "plant", 99, "a/b", False, id="deep-topic"),
        pytest.param("mqtt://[::1]/werk%20s%C3%BCd", "::1", 1883, "werk süd", False, id="ipv6"),
    ],
)
def test_an_address_is_read(url: str, host: str, port: int, topic: str, tls: bool) -> None:
    broker = Broker.of(url, Settings())
    assert (broker.host, broker.port, broker.topic, broker.tls) == (host, port, topic, tls)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("http://plant/line-3", "is no broker", id="other-scheme"),
        pytest.param("plant/line-3", "is no broker", id="no-scheme"),
        pytest.param("mqtt://plant", "needs a topic", id="no-topic"),
        pytest.param("mqtt://plant/", "needs a topic", id="empty-topic"),
        pytest.param("mqtt://plant:x/line", "Port", id="no-port"),
        pytest.param("mqtt://plant/line/%23", "wildcard", id="wildcard"),
        pytest.param("mqtt://plant/line/+/x", "wildcard", id="other-wildcard"),
        pytest.param("mqtt://plant/$SYS", "wildcard", id="the-broker's-own"),
        pytest.param("mqtt://plant/a%00b", "control", id="control-character"),
        pytest.param("mqtt://me:secret@plant/line", "REINSPECT_MQTT_PASSWORD", id="password"),
        pytest.param("mqtt://me:secret@plant:x/line", "password out", id="password-no-port"),
        pytest.param("mqtt://me:secret/x@plant/line", "password out", id="password-cut"),
        pytest.param("mqtt://me:secret@[::1/line", "password out", id="password-no-host"),
        pytest.param("mqtts://me:secret@plant:99999/line", "password out", id="password-port"),
        pytest.param("mqtt:// plant/line", "is no broker", id="blank"),
        pytest.param("mqtt://plant/line?qos=2", "nothing is read after", id="query"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(url: str, says: str) -> None:
    with pytest.raises(LineError, match=says) as told:
        Broker.of(url, Settings())
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "settings", "says"),
    [
        pytest.param("mqtt://p/l", {"mqtt_ca": "ca.pem"}, "use mqtts://", id="ca-without-tls"),
        pytest.param("mqtts://p/l", {"mqtt_ca": "no.pem"}, "no such file", id="no-such-file"),
        pytest.param("mqtts://p/l", {"mqtt_cert": "ca.pem"}, "go together", id="cert-without-key"),
    ],
)
def test_certificates_that_can_not_be_used_are_refused(
    url: str, settings: dict[str, str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.pem").touch()
    with pytest.raises(LineError, match=says):
        Broker.of(url, Settings(**settings))


def test_the_password_is_shown_nowhere() -> None:
    settings = Settings(mqtt_user="line", mqtt_password="secret")
    broker = Broker.of("mqtt://plant/line-3", settings)
    assert "secret" not in f"{broker} {broker!r} {settings!r}"
