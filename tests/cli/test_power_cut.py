"""What is on disk when the API answers 200: a power cut right afterwards, by the record of calls.

No power is cut. `strace` records what was written, which files and folders were put on disk
(`fsync`, `fdatasync`), and when each answer went out; `support/power_cut.py` says what is made of
that, and what is not simulated.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.api_server import grey
from support.command_line import put_greys, put_recipe
from support.power_cut import RecordedDisk, tracing
from support.processes import PATIENCE
from support.requirements import unavailable

pytestmark = [pytest.mark.process, pytest.mark.server]

PICTURES = 50


@contextlib.contextmanager
def recorded(folder: Path, out: Path, record: Path) -> Iterator[httpx.Client]:
    """A server whose calls are recorded, and a client of it."""
    if shutil.which("strace") is None:
        unavailable("strace", "strace is not installed")
    recipe, known = put_recipe(folder / "quick.yaml"), put_greys(folder / "known", 3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = [sys.executable, "-m", "reinspect", "api", "--recipe", str(recipe)]
    server += ["--references", str(known), "--out", str(out), "--port", str(port), "--workers", "1"]
    tests = {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [*tracing(record), *server], env=os.environ | tests, start_new_session=True
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/ready").is_success:
                        break
                time.sleep(0.1)
            yield client
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # strace writes each line out as it ends
        process.wait(PATIENCE)


def test_picture_ticket_and_row_are_on_disk_before_the_answer(tmp_path: Path) -> None:
    record, out = tmp_path / "record", tmp_path / "line"
    with recorded(tmp_path, out, record) as client:
        answer = client.post("/v1/inspections", files={"image": ("a.png", grey(9))})
        assert answer.status_code == 200
        key = answer.json()["id"]
    calls = record.read_text(errors="replace").splitlines()
    begins = next(n for n, call in enumerate(calls) if "/receiving/" in call and "fsync" in call)
    ends = next(
        n for n, call in enumerate(calls) if n > begins and re.search(r"(send|write).*200 OK", call)
    )
    between = [call for call in calls[begins:ends] if "sync(" in call]
    synced = [re.search(r"<(.+?)>", call)[1].removesuffix(" (deleted)") for call in between]
    home = str(out / "incoming" / key[:2])
    order = [
        f"{out}/receiving/{key}.png",  # the picture
        home,  # its name
        f"{out}/incoming",  # the folder that it lies in, which may be new
        str(out / "open"),  # the ticket's name; its content before
        f"{tmp_path}/reinspect.db-wal",  # the row
    ]
    assert [synced.index(place) for place in order] == sorted(map(synced.index, order))
    tickets = [place for place in synced if place.startswith(f"{out}/open/")]
    assert len(tickets) == 1
    assert synced.index(home) < synced.index(tickets[0]) < synced.index(str(out / "open"))


@pytest.mark.slow
def test_fifty_pictures_outlive_a_power_cut_after_their_answers(tmp_path: Path) -> None:
    """The power goes right after each answer: all that was answered is there, and in the store."""
    record, disk = tmp_path / "record", tmp_path / "disk"
    disk.mkdir()
    sent = {}
    with recorded(tmp_path, disk / "line", record) as client:
        for number in range(PICTURES):
            files = {"image": (f"{number}.png", grey(number))}
            answer = client.post("/v1/inspections", files=files)
            assert answer.status_code == 200
            sent[answer.json()["id"]] = grey(number)
    luck, recording, keys = random.Random(50), RecordedDisk(disk), list(sent)
    answers = (answer for answer in recording.replay(record) if "200 OK" in answer)
    assert next(answers)  # it was asked once whether it is ready
    for number, _ in enumerate(answers, 1):
        here = tmp_path / f"cut{number}"
        recording.after_a_cut(here, luck if number % 2 else None)
        told = keys[:number]
        assert {key: _picture(here, key) for key in told} == {key: sent[key] for key in told}
        assert set(told) <= _rows(here)
        shutil.rmtree(here)
    assert number == PICTURES


def _picture(disk: Path, key: str) -> bytes:
    (found,) = (disk / "line" / "incoming").rglob(f"{key}*")
    return found.read_bytes()


def _rows(disk: Path) -> set[str]:
    """The ids of the pictures that a store has a row of."""
    with contextlib.closing(sqlite3.connect(disk / "reinspect.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {image[:36] for (image,) in store.execute("SELECT image FROM inspections")}
