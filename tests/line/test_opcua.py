"""A controller: verdicts, counters and the method by a real client of OPC UA."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reinspect.line.broker import LineError
from reinspect.line.opcua import NAMESPACE, OpcUaServer
from reinspect.runs.alarm import Expectation
from reinspect.runs.defaults import UsageError
from reinspect.runs.on_request import MOST, OnRequest
from reinspect.settings import Settings
from reinspect.vocabulary import Outcome
from support.command_line import invoke, put_greys, said
from support.local_server import free_port
from support.made_traces import judged, unreadable
from support.processes import running

pytestmark = pytest.mark.needs("asyncua")

CLOSING = 0.1
"""Seconds in which a client's socket closes; the loop would end before."""

SHOWN = ("Part", "Disposition", "Probability", "Reason", "Inspected", "Passed", "Failed")


@pytest.fixture
def server() -> Iterator[OpcUaServer]:
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    with OpcUaServer(url, Settings(), Expectation) as made:
        yield made


async def read(url: str, *names: str) -> list[Any]:
    from asyncua import Client

    async with Client(url) as client:
        space = await client.get_namespace_index(NAMESPACE)
        found = [await client.get_node(f"ns={space};s=Line.{n}").read_value() for n in names]
    await asyncio.sleep(CLOSING)
    return found


async def call(url: str, part: str, path: str) -> list[Any]:
    from asyncua import Client

    async with Client(url, timeout=60) as client:
        space = await client.get_namespace_index(NAMESPACE)
        line = client.get_node(f"ns={space};s=Line")
        found = await line.call_method(f"{space}:Inspect", part, path)
    await asyncio.sleep(CLOSING)
    return list(found)


@pytest.mark.server
def test_the_last_verdict_and_the_counters_are_there(server: OpcUaServer) -> None:
    assert asyncio.run(read(server.url, *SHOWN)) == ["", "", 0.0, "", 0, 0, 0]
    server.told([judged("a.png", 0.1, Outcome.PASS), judged("b.png", 0.9, Outcome.FAIL)])
    found = asyncio.run(read(server.url, *SHOWN, "Number", "SetupAlarm"))
    assert found == ["b.png", "FAIL", 0.9, "clear", 2, 1, 1, 2, ""]
    server.told([unreadable("c.png", "is no image")])
    assert asyncio.run(read(server.url, "Disposition", "Reason", "ForReview")) == [
        "REVIEW",
        "is no image",
        1,
    ]
    server.told([judged(f"{n}.png", 0.9, Outcome.FAIL) for n in range(60)])
    (alarm,) = asyncio.run(read(server.url, "SetupAlarm"))
    assert "pictures FAIL, more than can be expected" in alarm


@pytest.mark.server
@pytest.mark.process
@pytest.mark.slow
def test_a_controller_asks_for_a_part_and_gets_its_verdict(tmp_path: Path) -> None:
    camera, known = put_greys(tmp_path / "camera", 3), put_greys(tmp_path / "known", 2)
    recipe = tmp_path / "quick.yaml"
    recipe.write_text("detector: 'support.own_parts:Brightness'\ntools: []\n")
    (tmp_path / "secret.png").write_bytes((camera / "part0.png").read_bytes())
    port = free_port()
    words = ("run", camera, "--on-request", "--opcua", f"opc.tcp://127.0.0.1:{port}")
    words += ("--references", known, "--recipe", recipe, "--out", tmp_path / "out")
    url = f"opc.tcp://127.0.0.1:{port}/reinspect/"
    with running(*words, "--workers", "1") as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Waiting to be asked"):
            assert process.poll() is None
        _wait_for(port)
        first = asyncio.run(call(url, "4711", "part1.png"))
        again = asyncio.run(call(url, "4711", str(camera / "part1.png")))
        refused = asyncio.run(call(url, "4712", "../secret.png"))
        found = asyncio.run(read(url, "Part", "Inspected"))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert first[0] in set(Outcome)
    assert again == first
    assert refused[0] == "REFUSED"
    assert "no file below" in refused[3]
    assert found == ["4711", 2]
    assert (process.returncode, err) == (0, "")
    assert "1 images" in out  # the same content under the same name is one row


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return
        except OSError:
            asyncio.run(asyncio.sleep(0.05))
    raise AssertionError("it never listened")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("http://127.0.0.1", "is no address", id="other-scheme"),
        pytest.param("opc.tcp://", "is no address", id="no-host"),
        pytest.param("opc.tcp://127.0.0.1:x", "Port", id="no-port"),
        pytest.param("opc.tcp://me:secret@plant:4840", "leave the password out", id="password"),
        pytest.param("opc.tcp://me:secret@plant:x", "leave the password out", id="password-port"),
        pytest.param("http://me:secret@plant", "leave the password out", id="password-scheme"),
        pytest.param("opc.tcp://0.0.0.0:4840", "REINSPECT_OPCUA_PASSWORD", id="open-to-all"),
        pytest.param("opc.tcp://plant:4840", "REINSPECT_OPCUA_PASSWORD", id="open-by-name"),
    ],
)
def test_where_it_can_not_listen_is_refused(url: str, says: str) -> None:
    with pytest.raises(LineError, match=says) as told:
        OpcUaServer(url, Settings(), Expectation)
    assert "secret" not in str(told.value)


@pytest.mark.server
def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"opc.tcp://127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(LineError, match="name another port"),
            OpcUaServer(url, Settings(), Expectation),
        ):
            pass


@pytest.mark.server
def test_who_has_no_password_is_not_let_in() -> None:
    from asyncua import Client, ua

    settings = Settings(opcua_user="plc", opcua_password="secret")
    url = f"opc.tcp://127.0.0.1:{free_port()}"

    async def tried(user: str | None, password: str | None) -> bool:
        client = Client(server.url)
        if user:
            client.set_user(user)
            client.set_password(password)
        try:
            async with client:
                return True
        except ua.UaStatusCodeError:
            return False
        finally:
            await asyncio.sleep(CLOSING)

    with OpcUaServer(url, settings, Expectation) as server:
        assert asyncio.run(tried("plc", "secret"))
        assert not asyncio.run(tried("plc", "wrong"))
        assert not asyncio.run(tried(None, None))


@pytest.mark.parametrize(
    ("part", "path", "says"),
    [
        pytest.param("a", "gone.png", "no file below", id="no-such-file"),
        pytest.param("a", "../outside.png", "no file below", id="outside"),
        pytest.param("a", "link.png", "no file below", id="a-link-that-leads-out"),
        pytest.param("a", "", "no file below", id="the-folder-itself"),
        pytest.param("a", "\x00", "no file below", id="no-name-at-all"),
        pytest.param("a" * 201, "a.png", "200 printable", id="long-name"),
        pytest.param("\x1b[2J", "a.png", "200 printable", id="escapes"),
    ],
)
def test_what_can_not_be_asked_for_is_refused(
    part: str, path: str, says: str, tmp_path: Path
) -> None:
    folder = tmp_path / "camera"
    folder.mkdir()
    (tmp_path / "outside.png").touch()
    (folder / "a.png").touch()
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    source = OnRequest((str(folder),))
    with pytest.raises(UsageError, match=says):
        source.ask(part, path)
    assert source.ask("", "a.png") == "a.png"
    feed = source.feed(frozenset())
    assert next(item for item in feed.items if item).id == "a.png"
    assert feed.stop is not None
    feed.stop()
    assert list(feed.items) == []
    with pytest.raises(UsageError, match="is ending"):
        source.ask("", "a.png")


def test_so_many_may_be_asked_for_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    source = OnRequest((str(tmp_path),))
    for number in range(MOST):
        source.ask(f"{number}", "a.png")
    with pytest.raises(UsageError, match="wait already"):
        source.ask("more", "a.png")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param([], "who asks", id="nobody"),
        pytest.param(["--watch", "--opcua", "opc.tcp://127.0.0.1"], "no --watch", id="watch"),
    ],
)
def test_a_run_that_nobody_can_ask_is_refused(
    options: list[str], says: str, tmp_path: Path
) -> None:
    assert says in said(invoke("run", tmp_path, "--on-request", *options))
