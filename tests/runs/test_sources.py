"""What a source still has to inspect, and how much of that is known."""

import os
import signal
from pathlib import Path

import pytest

from reinspect.images import sha256_of
from reinspect.runs.limits import interruptible
from reinspect.runs.sources import DropFolder, Listed
from support.command_line import put_greys


def test_what_was_done_is_left_out_unless_its_content_changed(greys: Path) -> None:
    source = Listed.below([greys], limit=5)
    done = {(item.id, sha256_of(item.path)) for item in source.items[:3]}
    (greys / "part1.png").write_bytes((greys / "part9.png").read_bytes())
    feed = source.feed(done)
    assert [item.id for item in feed.items if item] == ["part1.png", "part3.png", "part4.png"]
    assert (feed.total, feed.stop) == (3, None)


def test_an_unreadable_image_is_left_to_inspect_until_it_is_on_record(greys: Path) -> None:
    (greys / "part0.png").unlink()
    (greys / "part0.png").symlink_to("nowhere.png")
    source = Listed.below([greys / "part0.png"])
    assert source.feed(frozenset()).total == 1
    assert source.feed({("part0.png", "")}).total == 0


def test_where_a_source_lies_is_absolute(monkeypatch: pytest.MonkeyPatch, greys: Path) -> None:
    monkeypatch.chdir(greys.parent)
    source = Listed.below(["greys"])
    assert (source.paths, source.absolute) == (("greys",), (str(greys),))


def test_a_drop_folder_knows_no_total_and_can_be_stopped(greys: Path) -> None:
    feed = DropFolder((str(greys),)).feed(frozenset())
    assert (feed.total, DropFolder((str(greys),)).items) == (None, ())
    assert feed.stop is not None
    feed.stop()
    assert list(feed.items) == []


@pytest.mark.parametrize("views", [{}, {"front": "*_front.*", "back": "*_back.*"}])
def test_a_drop_folder_ends_when_other_references_count(
    views: dict[str, str | None], greys: Path
) -> None:
    feed = DropFolder((str(greys),), views=views, newer=lambda: True).feed(frozenset())
    assert not feed.superseded()
    list(feed.items)
    assert feed.superseded()


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_what_can_be_stopped(name: signal.Signals) -> None:
    told: list[str] = []
    before = signal.getsignal(name)
    with interruptible(lambda: told.append("stop")):
        os.kill(os.getpid(), name)
        assert told == ["stop"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), name)
    assert signal.getsignal(name) is before


def test_sigterm_is_ctrl_c_where_nothing_can_be_stopped() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)


def test_links_to_a_folder_are_followed_once(greys: Path) -> None:
    (greys / "again").symlink_to(greys, target_is_directory=True)
    put_greys(greys / "more", 2)
    assert len(Listed.below([greys]).items) == 14
