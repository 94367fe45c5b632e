"""Many clients at once, and servers that are killed: nothing that was accepted is lost."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from reinspect.api.intake import Pace
from reinspect.store import Status, Store
from support.api_server import Serving, grey, wait_until
from support.places import REPOSITORY

pytestmark = [pytest.mark.process, pytest.mark.server]

CLIENTS = 200


@pytest.mark.slow
def test_a_crowd_is_served_within_bounds(serving: Serving, tmp_path: Path) -> None:
    quick = {"kind": "support.own_parts:Brightness", "seconds": 0.01}
    with serving(quick, pace=Pace(workers=2, queue=24)) as served:
        base = str(served.client.base_url)
        before = psutil.Process().memory_info().rss
        answers = asyncio.run(_crowd(base))
        grown = psutil.Process().memory_info().rss - before
        wait_until(lambda: served.intake.left == 0)
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) <= {200, 202, 429, 503}
    assert counts[200] > 0
    assert counts[503] > 0
    # 200 clients send a picture of 2 MB each, twice: all of them in memory would be 800 MB.
    assert grown < 300e6
    accepted = {a.json()["id"] for a in answers if a.status_code in (200, 202)}
    assert _inspected(tmp_path / "line.db") == accepted


async def _crowd(base: str) -> list[httpx.Response]:
    picture = grey(9) + bytes(2 << 20)
    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=base, timeout=120, limits=limits) as client:

        async def one() -> list[httpx.Response]:
            files = {"image": ("part.png", picture)}
            return [await client.post("/v1/inspections", files=files) for _ in range(2)]

        every = await asyncio.gather(*(one() for _ in range(CLIENTS)))
    return [answer for answers in every for answer in answers]


def _inspected(store: Path) -> set[str]:
    with Store.open(store, create=False) as opened:
        rows = [found.row for found in opened.inspections(1)]
    assert not any(row.error for row in rows)
    assert len({row.image for row in rows}) == len(rows)
    return {row.image.partition("/")[0] for row in rows}


@contextmanager
def program(
    folder: Path, recipe: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """`reinspect api` as a program of its own, on a free port."""
    words = [sys.executable, "-m", "reinspect", "api", "--recipe", str(recipe), "--port", "0"]
    words += ["--out", str(folder / "line"), "--store", str(folder / "line.db"), *options]
    here = os.pathsep.join([str(REPOSITORY / "tests"), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": here, "PYTHONUNBUFFERED": "1"},
    ) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline()
            assert said.startswith("Listening on "), said + server.stdout.read()
            base = said.split()[2].rstrip(";")
            with httpx.Client(base_url=base, timeout=60) as client:
                wait_until(lambda: _ready(client))
                yield server, client
        finally:
            server.kill()


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/ready").is_success
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_a_server_that_is_killed_or_told_to_stop_loses_nothing(tmp_path: Path) -> None:
    recipe = tmp_path / "slow.yaml"
    recipe.write_text("detector: {kind: 'support.own_parts:Brightness', seconds: 0.1}\ntools: []\n")
    accepted = set()
    for kill in (True, False):
        with program(tmp_path, recipe, "--patience", "0", "--workers", "1") as (server, client):
            for level in range(15):
                files = {"image": (f"{level}.png", grey(level))}
                answer = client.post("/v1/inspections", files=files)
                assert answer.status_code == 202
                accepted.add(answer.json()["id"])
            sent = [("images", (f"{level}.png", grey(level))) for level in range(10)]
            batch = client.post("/v1/batches", files=sent).json()
            accepted |= {one["id"] for one in batch["inspections"]}
            server.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            assert server.wait(60) == (-signal.SIGKILL if kill else 143)
            assert kill or "Stopped; 50 pictures inspected\n" in server.stdout.read()
    assert _inspected(tmp_path / "line.db") == accepted
    with Store.open(tmp_path / "line.db") as store:
        assert store.run("line").status is Status.DONE


HALF_OPEN, HONEST = 1024, 50


@pytest.fixture
def many_files() -> Iterator[None]:
    """Client and server are one process here: each connection is two open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = 2 * HALF_OPEN + 1024
    if hard != resource.RLIM_INFINITY and hard < need:
        pytest.skip(f"no more than {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, need), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
@pytest.mark.usefixtures("many_files")
def test_honest_clients_are_served_beside_half_open_connections(serving: Serving) -> None:
    key, other = "honest-key-0123456789", "slow-key-0123456789"
    pace = Pace(workers=2, queue=256)
    with serving(pace=pace, keys=(key, other)) as served, contextlib.ExitStack() as stack:
        for number in range(HALF_OPEN):
            half = stack.enter_context(socket.create_connection(served.address))
            # Every third has not sent a head, the others a part of a body, without a key or with.
            if number % 3:
                own = f"X-API-Key: {other}\r\n" if number % 3 == 2 else ""
                with contextlib.suppress(ConnectionError):  # it is not waited for any more
                    half.sendall(
                        f"POST /v1/inspections HTTP/1.1\r\nHost: x\r\n{own}Content-Length: 9999\r\n"
                        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x".encode()
                    )
        answers = asyncio.run(_honest(str(served.client.base_url), key))
    assert Counter(answer.status_code for answer in answers) == {200: HONEST}


async def _honest(base: str, key: str) -> list[httpx.Response]:
    picture, limits = grey(9) + bytes(1 << 20), httpx.Limits(max_connections=HONEST)
    async with httpx.AsyncClient(base_url=base, timeout=60, limits=limits) as client:
        files = {"image": ("part.png", picture)}
        headers = {"X-API-Key": key}
        sent = (client.post("/v1/inspections", files=files, headers=headers) for _ in range(HONEST))
        return list(await asyncio.gather(*sent))
