"""The folder of what arrives: one server at a time, and tidy after whatever ended the last."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.api.spool import Spool, SpoolError, Ticket
from support.api_server import files, grey


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "line")
    yield made
    made.close()


def accepted(spool: Spool, *, batch: bool = False) -> Ticket:
    arrived = [spool.receive(io.BytesIO(grey(9)), "part.png")]
    return spool.accept(arrived, batch=batch, category=None)


def test_a_folder_has_one_server(spool: Spool) -> None:
    accepted(spool)
    spool.receive(io.BytesIO(grey(9)), "part.png")
    before = files(spool.folder)
    with pytest.raises(SpoolError, match="another server works there") as refused:
        Spool(spool.folder)
    assert len(str(refused.value).splitlines()) == 1
    assert files(spool.folder) == before
    spool.close()
    with Spool(spool.folder)._lock:  # the next may have it
        pass


def test_what_a_killed_server_left_is_removed_and_nothing_else(spool: Spool) -> None:
    waiting, batch, done, lost = (accepted(spool, batch=n == 1) for n in range(4))
    spool.finish(batch)
    for ticket in (done, lost):
        spool.finish(ticket)
    for folder in (".", "open", "batches"):
        (spool.folder / folder / ".0123456789abcdef.part").write_bytes(b"half")
    kept = {spool.folder / ticket.entries[0].file for ticket in (waiting, batch, done)}
    spool.tidy({str(done.id), str(batch.entries[0].id)})
    assert set(spool.folder.glob("incoming/*/*")) == kept
    assert not list(spool.folder.rglob("*.part"))
    assert list(spool.unfinished()) == [waiting]
    assert spool.batch(batch.id) == batch


@pytest.mark.parametrize("content", [b"", b'{"id": "', b"\0" * 300, b"[]"])
def test_a_ticket_that_is_half_written_is_set_aside(spool: Spool, content: bytes) -> None:
    whole, torn = accepted(spool), accepted(spool)
    ticket = spool.folder / "open" / f"{torn.id}.json"
    ticket.write_bytes(content)
    assert list(spool.unfinished()) == [whole]
    assert spool.set_aside == (ticket.with_suffix(".broken"),)
    assert ticket.with_suffix(".broken").read_bytes() == content
    spool.tidy(set())
    assert len(list(spool.folder.glob("incoming/*/*"))) == 2
    assert spool.batch(torn.id) is None
