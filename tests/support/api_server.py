"""A real server on a free port, in a thread of the test, with real worker processes."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import uvicorn

from reinspect.api.app import Service, build
from reinspect.api.gate import Keys, RequestLimits
from reinspect.api.intake import Intake, Pace
from reinspect.api.metrics import Metrics
from reinspect.api.punctual import PunctualProtocol
from reinspect.api.spool import Spool
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import Recipe
from reinspect.pictures import Pictures
from reinspect.references import ReferenceSets
from reinspect.store import RunInfo, Store

PATIENT, AT_EASE, NONE = RequestLimits(rate=1e6), Pace(), ReferenceSets()


@dataclass(frozen=True)
class Served:
    """A server that runs, and a client of it."""

    client: httpx.Client
    intake: Intake
    service: Service
    address: tuple[str, int]
    folder: Path

    def send(self, picture: bytes, name: str = "part.png", **fields: str) -> httpx.Response:
        return self.client.post("/v1/inspections", files={"image": (name, picture)}, data=fields)


Serving = Callable[..., contextlib.AbstractContextManager[Served]]


def grey(level: int, size: int = 8) -> bytes:
    """A PNG of one grey, which `own_parts:Brightness` takes for that probability."""
    return cv2.imencode(".png", np.full((size, size, 3), level, np.uint8))[1].tobytes()


@contextlib.contextmanager
def serve(
    place: Path,
    detector: str | dict[str, Any] = "support.own_parts:Brightness",
    *,
    limits: RequestLimits = PATIENT,
    pace: Pace = AT_EASE,
    keys: tuple[str, ...] = (),
    patience: float = 30.0,
    head_seconds: int = 15,
    references: ReferenceSets = NONE,
    recipe: Recipe | None = None,
    fits: Path | None = None,
) -> Iterator[Served]:
    """A server on the folder `place/line` and the store `place/line.db`, which may be there."""
    folder = place / "line"
    chosen = recipe or Recipe.model_validate({"detector": detector, "tools": []})
    context = BuildContext(chosen, references, Pictures(folder / "pictures"), fits)
    with Store.open(place / "line.db", patience=0.1) as store, socket.socket() as listening:
        known = {run.name: run.id for run in store.runs()}
        run_id = known.get("line") or store.begin_run(RunInfo(name="line", folder=str(folder)))
        intake = Intake(context, store, run_id, Spool(folder), pace, [metrics := Metrics()])
        service = Service(intake, Keys(keys), limits, metrics, patience)
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            build(service),
            http=PunctualProtocol,
            ws="none",
            log_level="critical",
            timeout_keep_alive=head_seconds,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        address = listening.getsockname()
        headers = {"X-API-Key": keys[0]} if keys else {}
        try:
            with httpx.Client(
                base_url=f"http://{address[0]}:{address[1]}", headers=headers, timeout=60
            ) as client:
                wait_until(lambda: server.started and client.get("/ready").is_success)
                yield Served(client, intake, service, address, folder)
        finally:
            server.should_exit = True
            thread.join()


def wait_until(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    """Ask until it is so."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def files(folder: Path) -> list[Path]:
    """All files in it but the server's lock."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
