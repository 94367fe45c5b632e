"""Verdicts reach a real broker: in order, none lost, whoever is killed."""

import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from reinspect.line.broker import Broker, LineError
from reinspect.line.messages import LineState, PublishedVerdict
from reinspect.line.publisher import Publisher
from reinspect.runs.on_request import OnRequest
from reinspect.settings import Settings
from reinspect.store import Store
from reinspect.vocabulary import Outcome
from support.api_server import grey, wait_until
from support.command_line import put_greys
from support.made_traces import corrected, judged, unreadable
from support.mosquitto import Mosquitto, Subscriber
from support.processes import running, wait_for_rows

pytestmark = pytest.mark.needs("paho")


@pytest.fixture
def publisher(broker: Mosquitto, store: Store, run: int) -> Callable[[], Publisher]:
    """Makes publishers of the run, one after the other."""
    where = Broker.of(broker.url, Settings())
    return lambda: Publisher(
        where, store, store.run_of(run), link=lambda one: f"/{one.id}", say=said.append
    )


said: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    said.clear()


def put(store: Store, run: int, names: list[str], kept: Callable[[], object]) -> None:
    with store.writer(run, kept) as writer:
        for name in names:
            writer.write(judged(name, 0.9, Outcome.FAIL))


def test_a_verdict_is_published_with_what_the_line_needs(
    publisher: Callable[[], Publisher], subscriber: Subscriber, store: Store, run: int
) -> None:
    with publisher() as sending:
        with store.writer(run, sending.wake) as writer:
            writer.write(corrected("a.png"))
            writer.write(unreadable("b.png", "x" * 1000))
            writer.write(judged("c.png", 0.9, Outcome.FAIL))
        subscriber.wait_for(lambda seen: len(seen.verdicts) == 3)
    first, second, third = (PublishedVerdict.model_validate(one) for one in subscriber.verdicts)
    assert (first.number, first.part, first.run, first.p) == (1, "a.png", "monday", 0.2)
    assert (first.trace, first.boxes) == ("/1", ())
    assert (second.number, second.disposition, second.p) == (2, Outcome.REVIEW, None)
    assert len(second.reason) == 300
    assert third.boxes == ((0.25, 0.5, 0.5, 0.75),)
    assert abs(datetime.now(UTC) - first.stored) < timedelta(minutes=5)
    subscriber.wait_for(lambda seen: len(seen.of("state")) == 2)
    states = [LineState.model_validate(one).state for one in subscriber.of("state")]
    assert states == ["inspecting", "stopped"]
    assert said == []
    assert store.outbox(run).waiting == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["told", "killed"])
def test_a_broker_that_restarts_gets_all_in_order(
    how: signal.Signals,
    broker: Mosquitto,
    publisher: Callable[[], Publisher],
    subscriber: Subscriber,
    store: Store,
    run: int,
) -> None:
    with publisher() as sending:
        for turn in range(2):
            put(store, run, [f"{turn}-{n}.png" for n in range(30)], sending.wake)
            broker.stop(how)
            put(store, run, [f"{turn}-{n}.png" for n in range(30, 60)], sending.wake)
            broker.start()
            whole = 60 * (turn + 1)
            subscriber.wait_for(lambda seen, whole=whole: len(seen.once) == whole)
    assert subscriber.once == list(range(1, 121))
    assert [line.rpartition(": ")[2] for line in said[1::2]] == ["is back", "is back"]
    assert all("verdicts are stored" in line for line in said[::2])


def test_what_was_not_taken_is_sent_by_the_next_program(
    broker: Mosquitto,
    publisher: Callable[[], Publisher],
    subscriber: Subscriber,
    store: Store,
    run: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker.stop()
    put(store, run, ["a.png", "b.png"], lambda: None)
    put(store, run, ["a.png"], lambda: None)  # judged again, it is told again
    broker.start()
    with publisher():
        subscriber.wait_for(lambda seen: len(seen.once) == 3)
    assert [one["part"] for one in subscriber.verdicts] == ["a.png", "b.png", "a.png"]
    with publisher():
        pass
    assert len(subscriber.verdicts) == 3


def test_what_nobody_publishes_is_in_no_outbox(store: Store, run: int) -> None:
    with store.writer(run) as writer:
        writer.write(corrected("a.png"))
    assert store.outbox(run).waiting == 0


@pytest.mark.slow
def test_a_run_that_is_killed_publishes_the_rest_when_it_goes_on(
    broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    recipe = tmp_path / "quick.yaml"
    recipe.write_text("detector: 'support.own_parts:Brightness'\ntools: []\n")
    drop, known = put_greys(tmp_path / "drop", 12), put_greys(tmp_path / "known", 2)
    words = ("run", "--watch", drop, "--references", known, "--recipe", recipe)
    words += ("--out", tmp_path / "out", "--publish", broker.url, "--settled", "0.05")
    with running(*words) as process:
        wait_for_rows(tmp_path / "reinspect.db", 3)
        process.kill()
    subscriber.wait_for(lambda seen: "lost" in [one["state"] for one in seen.of("state")])
    put_greys(tmp_path / "drop" / "later", 6)
    with running(*words, "--resume") as process:
        subscriber.wait_for(lambda seen: len({one["part"] for one in seen.verdicts}) == 18)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert subscriber.once == list(range(1, 19))
    subscriber.wait_for(lambda seen: seen.of("state")[-1]["state"] == "stopped")
    assert subscriber.verdicts[0]["trace"] == "trace?id=1"


def certificates(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    folder.mkdir()
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.process
@pytest.mark.server
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho's sockets
def test_tls_and_a_password_are_spoken(
    store: Store, run: int, tmp_path: Path, broker: Mosquitto
) -> None:
    cert, key = certificates(tmp_path / "tls")
    words = tmp_path / "passwords"
    words.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(words), "line", "secret"], check=True)
    closed = ("allow_anonymous false", f"password_file {words}")
    closed += (f"certfile {cert}", f"keyfile {key}")
    put(store, run, ["a.png"], lambda: None)
    with Mosquitto(tmp_path / "closed", *closed) as secured:
        url = secured.url.replace("mqtt://", "mqtts://")

        def tried(**settings: object) -> None:
            where = Broker.of(url, Settings(**settings))
            of = store.run_of(run)
            with Publisher(where, store, of, link=lambda one: "", say=said.append, drain=0.5):
                end = datetime.now(UTC) + timedelta(seconds=30)
                while not said and store.outbox(run).waiting and datetime.now(UTC) < end:
                    pass

        tried(mqtt_user="line", mqtt_password="wrong", mqtt_ca=cert)
        assert "refuses us" in said[0]
        said.clear()
        tried(mqtt_user="line", mqtt_password="secret")  # nobody vouches for it
        assert "can't be reached" in said[0]
        assert store.outbox(run).waiting == 1
        said.clear()
        tried(mqtt_user="line", mqtt_password="secret", mqtt_ca=cert)
        assert said == []
        assert store.outbox(run).waiting == 0


def test_a_certificate_that_is_none_is_refused(store: Store, run: int, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    where = Broker.of("mqtts://plant/line-3", Settings(mqtt_ca=tmp_path / "ca.pem"))
    with pytest.raises(LineError, match="a certificate can't be used"):
        Publisher(where, store, store.run_of(run), link=lambda one: "", say=said.append)


def test_parts_are_asked_for_by_a_topic(
    broker: Mosquitto, subscriber: Subscriber, store: Store, run: int, tmp_path: Path
) -> None:
    (tmp_path / "a.png").touch()
    source = OnRequest((str(tmp_path),))
    where = Broker.of(broker.url, Settings())
    made = Publisher(
        where, store, store.run_of(run), link=lambda one: "", say=said.append, source=source
    )
    with made:
        subscriber.wait_for(lambda seen: seen.of("state"))
        for asked in ('{"part": "4711", "path": "a.png"}', '{"path": "b.png"}', "no JSON"):
            subscriber.send("inspect", asked)
        subscriber.wait_for(lambda seen: len(seen.of("refused")) == 2)
    first, second = subscriber.of("refused")
    assert "b.png: no file below" in first["detail"]
    assert second["request"] == "no JSON"
    assert next(item for item in source.feed(frozenset()).items if item).id == "4711"


@pytest.mark.slow
def test_the_api_publishes_with_the_address_of_the_trace(
    broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    recipe = tmp_path / "quick.yaml"
    recipe.write_text("detector: 'support.own_parts:Brightness'\ntools: []\n")
    words = ("api", "--recipe", recipe, "--port", "0", "--workers", "1")
    words += ("--out", tmp_path / "out", "--publish", broker.url)
    with running(*words, env={"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout is not None
        base = process.stdout.readline().split()[2].rstrip(";")
        with httpx.Client(base_url=base, timeout=60) as client:
            wait_until(lambda: _is_ready(client))
            sent = client.post("/v1/inspections", files={"image": ("a.png", grey(200))})
            subscriber.wait_for(lambda seen: seen.verdicts)
            (verdict,) = subscriber.verdicts
            trace = client.get(verdict["trace"])
            assert trace.json()["sample"]["id"] == verdict["part"]
            wait_until(lambda: "reinspect_unpublished 0.0" in client.get("/metrics").text)
        assert verdict["disposition"] == sent.json()["result"]["disposition"]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    subscriber.wait_for(lambda seen: seen.of("state")[-1]["state"] == "stopped")


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/ready").is_success
    except httpx.TransportError:
        return False
