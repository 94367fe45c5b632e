"""Run, API, broker and database, each killed again and again at random points, and the toll.

Verdicts go from real programs into a real store and to a real broker. SIGKILL is what kills: a
program with all that it has started, the broker, every process of the database.
"""

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from reinspect.store import Row, Store
from reinspect.store.upkeep.checking import check
from support.command_line import invoke
from support.local_server import free_port
from support.mosquitto import Mosquitto, Subscriber
from support.postgres import running as serving
from support.processes import PATIENCE, running

TOPIC = "line-3"


class KillToll(NamedTuple):
    """What became of the parts."""

    what: str
    """Was killed."""
    kills: int
    parts: int
    """That were to be inspected, or were accepted."""
    lost: int
    """Without a row."""
    doubled: int
    """With more than one."""
    other: int
    """Of another verdict than where nothing was killed, or with an error."""
    unsound: int
    """Problems of the store, as `reinspect store check` finds them."""
    unsent: int
    """Verdicts that the broker's subscriber never got."""
    disordered: int
    """Verdicts that came first after a later one, or as two messages."""
    again: int
    """Messages that came more than once: allowed."""

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled or changed."""
        return not any(self[3:9])


class KillTrial:
    """A product, its parts, and what is right of them; a context manager.

    Args:
        folder: to work in.
        pictures: of parts, no two alike.
        known: folder of known-good pictures.
        copies: of each picture, which are parts of their own.
        recipe: file; the default one where there is none.
        seed: of the points in time.
        longest: seconds of a program's life until it is killed, at most.
    """

    def __init__(
        self,
        folder: Path,
        pictures: Sequence[Path],
        known: Path,
        *,
        copies: int,
        recipe: Path | None = None,
        seed: int = 0,
        longest: float = 6.0,
    ) -> None:
        self._folder, self._random, self._longest = folder, random.Random(seed), longest
        self._words = ["--references", str(known), "--workers", "1", "--accept-references"]
        self._words += ["--recipe", str(recipe)] if recipe else []
        distinct, self._parts = folder / "distinct", folder / "parts"
        for made in (distinct, self._parts):
            made.mkdir()
        for number, picture in enumerate(pictures):
            shutil.copy(picture, distinct / f"{number}{picture.suffix}")
            for copy in range(copies):
                os.link(
                    distinct / f"{number}{picture.suffix}",
                    self._parts / f"{copy * len(pictures) + number}{picture.suffix}",
                )
        self._names = {path.name for path in self._parts.iterdir()}
        out = folder / "right"
        words = ["run", distinct, *self._words, "--out", out, "--store", folder / "right.db"]
        assert invoke(*words, "--quiet").code == 0
        self._right = {row.sha256: _judged(row) for row in _rows(folder / "right.db", "right")}

    def of_run(self, kills: int) -> KillToll:
        """The program that inspects a folder is killed."""
        folder = self._fresh("run")
        store, killed, runs = folder / "reinspect.db", 0, 0
        with self._line(folder) as (broker, subscriber):
            while killed < kills:
                runs += 1
                words = self._run(folder / f"run{runs}", store, broker)
                going, began = True, False
                while going:  # until it has come to its end by itself
                    with running(*words, *(["--resume"] if began else [])) as process:
                        if killed < kills:
                            self._wait(process, self._random.uniform(0.3, self._longest))
                        else:
                            process.communicate(timeout=PATIENCE)
                        if process.poll() is None:
                            _kill(process)
                            killed += 1
                        else:
                            assert process.returncode == 0, process.communicate()
                            going = False
                    began = began or (folder / f"run{runs}").exists()
            return self._toll("run", killed, store, runs, subscriber)

    def of_broker(self, kills: int) -> KillToll:
        """The broker is killed and started again while a folder is inspected."""
        folder = self._fresh("broker")
        store, killed, runs = folder / "reinspect.db", 0, 0
        with self._line(folder) as (broker, subscriber):
            while killed < kills:
                runs += 1
                words = self._run(folder / f"run{runs}", store, broker)
                with running(*words) as process:
                    while killed < kills and process.poll() is None:
                        self._wait(process, self._random.uniform(0.1, self._longest / 3))
                        broker.stop(signal.SIGKILL)
                        killed += 1
                        time.sleep(self._random.uniform(0.0, 1.0))
                        broker.start()
                    process.communicate(timeout=PATIENCE)
                    assert process.returncode == 0
                assert invoke(*words, "--resume").code == 0  # sends what is left
            return self._toll("broker", killed, store, runs, subscriber)

    def of_database(self, kills: int) -> KillToll:
        """Every process of a PostgreSQL is killed while a folder is inspected into it."""
        folder = self._fresh("database")
        killed = runs = 0
        # As a plant has it, not as quick tests do.
        with (
            serving({"fsync": "on", "autovacuum": "on"}) as server,
            self._line(folder) as (broker, subscriber),
        ):
            store = server.new()
            while killed < kills:
                runs += 1
                words = self._run(folder / f"run{runs}", store, broker)
                began = False
                while True:  # a run whose start was cut off ends with one line
                    with running(*words, *(["--resume"] if began else [])) as process:
                        while killed < kills and process.poll() is None:
                            self._wait(process, self._random.uniform(0.1, self._longest))
                            server.kill()
                            killed += 1
                            time.sleep(self._random.uniform(0.0, 1.0))
                            server.start()
                        _, err = process.communicate(timeout=PATIENCE)
                    began = began or (folder / f"run{runs}").exists()
                    if process.returncode == 0:
                        break
                    assert len(err.splitlines()) == 1, err
                assert invoke(*words, "--resume").code == 0
            return self._toll("database", killed, store, runs, subscriber)

    def of_api(self, kills: int) -> KillToll:
        """The server that takes pictures over HTTP is killed while a client sends them."""
        folder = self._fresh("api")
        store, port, out = folder / "reinspect.db", free_port(), folder / "line"
        clients = _Clients(port, sorted(self._parts.iterdir()))
        with self._line(folder) as (broker, subscriber):
            words = ["api", *self._words, "--out", out, "--store", store, "--port", port]
            words += ["--publish", broker.url, "--patience", "0.5", "--rate", "1000"]
            for kill in range(kills):
                with running(*words) as process:
                    if kill % 3:  # at work, else anywhere
                        clients.wait_for_another()
                    self._wait(process, self._random.uniform(0.1, self._longest / 2))
                    assert process.poll() is None, process.communicate()
                    _kill(process)
            with running(*words) as process:
                clients.wait_for_another()
                clients.stop()
                end = time.monotonic() + PATIENCE
                while clients.accepted.keys() - _ids(store).keys():
                    assert time.monotonic() < end, "some accepted pictures never got a verdict"
                    time.sleep(0.2)
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=PATIENCE)
            rows = _ids(store)
            toll = self._toll("API", kills, store, 1, subscriber, name="line", names=set())
        # What was answered is what is stored; what nobody was told of may be there, too.
        told = {key: answer for key, answer in clients.accepted.items() if answer is not None}
        changed = sum(told[key] != rows[key][0] for key in told if key in rows)
        return toll._replace(
            parts=len(clients.accepted),
            lost=len(clients.accepted.keys() - rows.keys()),
            other=toll.other + changed,
        )

    def _run(self, out: Path, store: Path | str, broker: Mosquitto) -> list[object]:
        words = ["run", self._parts, *self._words, "--out", out, "--store", store, "--quiet"]
        return [*words, "--publish", broker.url]

    def _fresh(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder

    @contextlib.contextmanager
    def _line(self, folder: Path) -> Iterator[tuple[Mosquitto, Subscriber]]:
        with Mosquitto(folder / "mosquitto") as broker, Subscriber(broker) as subscriber:
            yield broker, subscriber

    def _wait(self, process: subprocess.Popen[str], seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)

    def _toll(
        self,
        what: str,
        kills: int,
        store: Path | str,
        runs: int,
        subscriber: Subscriber,
        *,
        name: str = "",
        names: set[str] | None = None,
    ) -> KillToll:
        wanted = self._names if names is None else names
        lost = doubled = other = unsent = disordered = again = parts = 0
        for number in range(1, runs + 1):
            run = name or f"run{number}"
            rows = _rows(store, run)
            found = Counter(row.image for row in rows)
            parts += len(wanted)
            lost += len(wanted - found.keys())
            doubled += sum(times - 1 for times in found.values())
            other += sum(_judged(row) != self._right.get(row.sha256) for row in rows)
            end = time.monotonic() + 15
            while not (sent := _sent(subscriber, run)) >= found.keys() and time.monotonic() < end:
                time.sleep(0.1)
            unsent += len(found.keys() - sent)
            own = [one for one in subscriber.verdicts if one["run"] == run]
            once = list(dict.fromkeys((one["number"], one["part"]) for one in own))
            disordered += sum(a >= b for a, b in itertools.pairwise(once))
            disordered += len(once) - len({part for _, part in once})
            again += len(own) - len(once)
        problems = len(check(store).problems)
        return KillToll(
            what, kills, parts, lost, doubled, other, problems, unsent, disordered, again
        )


class _Clients:
    """Send pictures one after the other, each until it is accepted, whoever is away meanwhile."""

    def __init__(self, port: int, pictures: Sequence[Path], number: int = 4) -> None:
        self._base, self._pictures = f"http://127.0.0.1:{port}", pictures
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._send_all, args=(place,), daemon=True)
            for place in range(number)
        ]
        self.accepted: dict[str, tuple[str, str] | None] = {}
        """Id → hash and disposition as answered; None where these were to come later."""
        for thread in self._threads:
            thread.start()

    def wait_for_another(self) -> None:
        """Until the server has accepted one more."""
        before, end = len(self.accepted), time.monotonic() + PATIENCE
        while len(self.accepted) == before:
            assert time.monotonic() < end, "the server never came back"
            time.sleep(0.02)

    def stop(self) -> None:
        """Send no more."""
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _send_all(self, place: int) -> None:
        with httpx.Client(base_url=self._base, timeout=30) as client:
            for picture in itertools.cycle(self._pictures[place :: len(self._threads)]):
                while not self._over.is_set() and not self._send(client, picture):
                    time.sleep(0.05)
                if self._over.is_set():
                    return

    def _send(self, client: httpx.Client, picture: Path) -> bool:
        with contextlib.suppress(httpx.TransportError):
            files = {"image": (picture.name, picture.read_bytes())}
            answer = client.post("/v1/inspections", files=files)
            if answer.status_code in (200, 202):
                said = answer.json()
                row = said["result"] if answer.status_code == 200 else None
                self.accepted[said["id"]] = row and (row["sha256"], row["disposition"])
                return True
        return False


def _kill(process: subprocess.Popen[str]) -> None:
    members = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    os.killpg(process.pid, signal.SIGKILL)
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
    assert not psutil.wait_procs(members, timeout=PATIENCE)[1]


def _rows(store: Path | str, run: str) -> list[Row]:
    with Store.open(store, create=False) as opened:
        return [found.row for found in opened.inspections(opened.run(run).id)]


def _judged(row: Row) -> tuple[object, ...]:
    """What was found out about a part, without what may differ from run to run."""
    return row.verdict, row.first, row.reliability, row.disposition, row.rounds, row.error


def _sent(subscriber: Subscriber, run: str) -> set[str]:
    return {one["part"] for one in subscriber.verdicts if one["run"] == run}


def _ids(store: Path) -> dict[str, list[tuple[str | None, str]]]:
    found: dict[str, list[tuple[str | None, str]]] = {}
    for row in _rows(store, "line"):
        found.setdefault(row.image.partition("/")[0], []).append(
            (row.sha256, row.disposition.value)
        )
    return found
