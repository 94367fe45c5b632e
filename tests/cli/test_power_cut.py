"""What is on disk when the API answers 200: a power cut right afterwards, by the record of calls.

No power is cut. `strace` records, in their order, which files and folders were put on disk
(`fsync`, `fdatasync`), and when the answer went out. Disks that lie about having written are not
simulated.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from support.api_server import grey
from support.command_line import put_greys, put_recipe
from support.processes import PATIENCE
from support.requirements import unavailable

pytestmark = [pytest.mark.process, pytest.mark.server]

CALLS = "fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg,write,writev"


def test_picture_ticket_and_row_are_on_disk_before_the_answer(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        unavailable("strace", "strace is not installed")
    recipe, record = put_recipe(tmp_path / "quick.yaml"), tmp_path / "record"
    known, out = put_greys(tmp_path / "known", 3), tmp_path / "line"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = [sys.executable, "-m", "reinspect", "api", "--recipe", str(recipe)]
    server += ["--references", str(known), "--out", str(out), "--port", str(port), "--workers", "1"]
    tests = {"PYTHONPATH": str(Path(__file__).parents[1])}
    trace = ["strace", "-f", "-y", "-qq", "-s", "80", "-e", f"trace={CALLS}", "-o", str(record)]
    process = subprocess.Popen([*trace, *server], env=os.environ | tests, start_new_session=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/ready").is_success:
                        break
                time.sleep(0.1)
            answer = client.post("/v1/inspections", files={"image": ("a.png", grey(9))})
            assert answer.status_code == 200
            key = answer.json()["id"]
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # strace writes each line out as it ends
        process.wait(PATIENCE)
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
