"""Debian's PostgreSQL in a temporary folder: a server of our own, for as long as it takes."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from natsort import natsorted

from support.local_server import free_port

SQLITE_ALONE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""For what no database does differently: values, checks and words of our own."""

ON_POSTGRES = (pytest.mark.database, pytest.mark.needs("psycopg"))
"""Marks of a parameter that asks for the server only when its turn comes."""

_INSTALLED = Path("/usr/lib/postgresql")
_SETTINGS = {
    "fsync": "off",  # no power cut is tested here
    "max_connections": "40",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


class NoPostgresError(RuntimeError):
    """There is none on this machine; the message says what to do."""


class Server:
    """A PostgreSQL server that can be stopped and started."""

    def __init__(
        self, folder: Path, binaries: Path, user: str | None, settings: Mapping[str, str]
    ) -> None:
        self._folder, self._binaries, self._user = folder, binaries, user
        self._settings = settings
        self._port = free_port()
        self._stores = 0

    def initialise(self) -> None:
        """Make the cluster's files."""
        # Sorted as people sort, not by bytes, as most servers in use do.
        locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
        self._run("initdb", "--auth=trust", "--username=tester", "--encoding=UTF8", *locale)
        with (self._folder / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in self._settings.items())

    def start(self) -> None:
        # No Unix socket: its path would have to be short.
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self._run("pg_ctl", "start", "--wait", "--silent", "--log", os.devnull, "-o", options)

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode", how)

    def kill(self) -> None:
        """End all its processes at once, as when they are killed for memory."""
        held = self._folder / "postmaster.pid"
        leader = psutil.Process(int(held.read_text().split()[0]))
        every = [leader, *leader.children(recursive=True)]
        for process in every:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert not psutil.wait_procs(every, timeout=30)[1]
        held.unlink()  # or each start says that another server might be running

    def new(self) -> str:
        """The URL of an empty place for a store: a schema, made far faster than a database."""
        import psycopg

        self._stores += 1
        base = f"postgresql://tester@127.0.0.1:{self._port}/postgres"
        with psycopg.connect(base) as connection:
            connection.execute(f"CREATE SCHEMA store{self._stores}")
        return f"{base}?options=-csearch_path%3Dstore{self._stores}"

    def _run(self, program: str, *arguments: str) -> None:
        """As a user who is not root, which PostgreSQL refuses to run as."""
        command = [str(self._binaries / program), "--pgdata", str(self._folder), *arguments]
        # Not its own pipes: the server would hold them open for as long as it runs.
        subprocess.run(
            command,
            check=True,
            user=self._user,
            group=self._user and pwd.getpwnam(self._user).pw_gid,
            extra_groups=[] if self._user else None,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )


@contextlib.contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server that is up; it and its folder are gone afterwards.

    Args:
        settings: of its configuration, in place of those for tests or besides.

    Raises:
        NoPostgresError: it isn't installed.
    """
    binaries = _binaries()
    user = _other_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # pytest's own are closed to that user
    try:
        folder.chmod(0o700)
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        server = Server(folder, binaries, user, {**_SETTINGS, **(settings or {})})
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # a test had stopped it
                server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    found = shutil.which("initdb")
    installed = natsorted(_INSTALLED.glob("*/bin/initdb"))
    if found is None and not installed:
        raise NoPostgresError("no PostgreSQL server: apt-get install postgresql")
    return Path(found or installed[-1]).resolve().parent


def _other_user() -> str:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise NoPostgresError("PostgreSQL doesn't run as root, and there is no user postgres or nobody")
