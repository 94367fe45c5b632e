"""Weights from a server that cuts, lies and refuses."""

import hashlib
import json
from pathlib import Path

import pytest

from reinspect.tools.weights.fetch import LOCK, FetchError, faults, fetch, hashes, verifiable
from reinspect.tools.weights.known import (
    CHECKPOINTS,
    Checkpoint,
    MissingWeights,
    Purpose,
    known,
    located,
)
from support.file_server import FileServer

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def checkpoint(url: str, sha256: str | None = SHA256) -> Checkpoint:
    return Checkpoint(
        "tiny", Purpose.SEGMENTATION, "segment-anything", "CC0", len(CONTENT), url, sha256
    )


@pytest.mark.server
@pytest.mark.parametrize(
    ("cuts", "ranges", "spans"),
    [
        pytest.param((), True, [None], id="at-once"),
        pytest.param((3000,), True, [None, "bytes=3000-"], id="cut-once"),
        pytest.param((3000, 70_000), True, [None, "bytes=3000-", "bytes=73000-"], id="cut-twice"),
        pytest.param((3000,), False, [None, "bytes=3000-"], id="a-server-that-starts-anew"),
    ],
)
def test_a_cut_fetch_goes_on_where_it_was(
    cuts: tuple[int, ...], ranges: bool, spans: list[str | None], tmp_path: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    with FileServer({"/tiny.pth": CONTENT}, cuts=cuts, ranges=ranges) as server:
        tiny = checkpoint(f"{server.url}/tiny.pth")
        place = fetch(tiny, tmp_path / "new" / "weights", progress=lambda *now: seen.append(now))
        assert [span for _, _, span in server.asked] == spans
    assert place.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [file.name for file in place.parent.iterdir()] == ["tiny.pth"]


@pytest.mark.server
def test_a_fetch_that_is_cut_for_good_is_taken_up_by_the_next(tmp_path: Path) -> None:
    with FileServer({"/tiny.pth": CONTENT}, cuts=(10, 10, 10)) as server:
        tiny = checkpoint(f"{server.url}/tiny.pth")
        with pytest.raises(FetchError, match=r"cut 3 times.*run it again, it goes on from there"):
            fetch(tiny, tmp_path)
        assert not tiny.place(tmp_path).exists()
        fetch(tiny, tmp_path)
        assert server.asked[-1][2] == "bytes=30-"
    assert tiny.place(tmp_path).read_bytes() == CONTENT


@pytest.mark.server
@pytest.mark.parametrize(
    "left", [pytest.param(CONTENT, id="whole"), pytest.param(CONTENT + b"x", id="too-much")]
)
def test_a_part_that_needs_nothing_more(left: bytes, tmp_path: Path) -> None:
    (tmp_path / "tiny.pth.part").write_bytes(left)
    with FileServer({"/tiny.pth": CONTENT}) as server:
        place = fetch(checkpoint(f"{server.url}/tiny.pth"), tmp_path)
    assert place.read_bytes() == CONTENT


@pytest.mark.server
def test_what_is_there_and_sound_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "tiny.pth").write_bytes(CONTENT)
    with FileServer({}) as server:
        fetch(checkpoint(f"{server.url}/tiny.pth"), tmp_path)
        assert server.asked == []


@pytest.mark.server
def test_a_wrong_hash_leaves_nothing_behind(tmp_path: Path) -> None:
    with FileServer({"/tiny.pth": b"another"}) as server:
        tiny = checkpoint(f"{server.url}/tiny.pth")
        with pytest.raises(FetchError, match=rf"sha256 is .*not {SHA256:.12}….*deleted"):
            fetch(tiny, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.server
def test_a_damaged_file_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "tiny.pth").write_bytes(CONTENT[:-1])
    with FileServer({"/tiny.pth": CONTENT}) as server:
        place = fetch(checkpoint(f"{server.url}/tiny.pth"), tmp_path)
    assert place.read_bytes() == CONTENT


@pytest.mark.server
def test_without_a_published_hash_the_first_fetch_counts(tmp_path: Path) -> None:
    with FileServer({"/tiny.pth": CONTENT}) as server:
        tiny = checkpoint(f"{server.url}/tiny.pth", None)
        assert not verifiable(tiny, tmp_path)
        place = fetch(tiny, tmp_path)
    assert hashes(tmp_path) == {"tiny.pth": SHA256}
    assert verifiable(tiny, tmp_path)
    assert faults(tiny, tmp_path) == ()
    place.write_bytes(b"changed")
    (fault,) = faults(tiny, tmp_path)
    assert "damaged or changed" in fault
    with (
        FileServer({"/tiny.pth": b"another"}) as server,
        pytest.raises(FetchError, match="damaged or changed"),
    ):
        fetch(checkpoint(f"{server.url}/tiny.pth", None), tmp_path)


def test_a_record_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(json.dumps({"tiny.pth": "not a hash"}))
    with pytest.raises(FetchError, match=f"{LOCK}: no record of hashes"):
        hashes(tmp_path)


@pytest.mark.server
def test_no_network_is_said_in_one_line(tmp_path: Path) -> None:
    with FileServer({}) as server:
        gone = f"{server.url}/tiny.pth"
    with pytest.raises(FetchError, match=r"no network: .*tiny\.pth.*--from FOLDER") as refused:
        fetch(checkpoint(gone), tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.server
def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with (
        FileServer({}) as server,
        pytest.raises(FetchError, match=r"answers 404 .*check the address"),
    ):
        fetch(checkpoint(f"{server.url}/tiny.pth"), tmp_path)


@pytest.mark.server
def test_a_mirror_serves_files_by_their_names(tmp_path: Path) -> None:
    with FileServer({"/models/tiny.pth": CONTENT}) as server:
        tiny = checkpoint("https://weights.invalid/deep/tiny.pth")
        place = fetch(tiny, tmp_path, mirror=f"{server.url}/models/")
    assert place.read_bytes() == CONTENT


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no place that nobody can write to")
def test_a_place_that_cannot_be_written_is_said() -> None:
    nowhere = Path("/proc/weights")  # nobody, not even root, can make it
    with pytest.raises(FetchError, match=r"tiny: cannot write to .*name another folder"):
        fetch(checkpoint("http://127.0.0.1:9/tiny.pth"), nowhere)


def test_a_file_where_the_folder_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("")
    with pytest.raises(FetchError, match="cannot write to"):
        fetch(checkpoint("http://127.0.0.1:9/tiny.pth"), tmp_path / "weights")


@pytest.mark.parametrize("whole", [pytest.param(True, id="sound"), pytest.param(False, id="cut")])
def test_weights_come_from_a_folder_without_a_network(whole: bool, tmp_path: Path) -> None:
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb" / "tiny.pth").write_bytes(CONTENT if whole else CONTENT[:10])
    tiny = checkpoint("https://weights.invalid/tiny.pth")
    if whole:
        assert fetch(tiny, tmp_path / "w", source=tmp_path / "usb").read_bytes() == CONTENT
        return
    with pytest.raises(FetchError, match=r"damaged or changed; nothing was copied"):
        fetch(tiny, tmp_path / "w", source=tmp_path / "usb")
    assert not tiny.place(tmp_path / "w").exists()


def test_a_model_of_the_hub_comes_from_a_folder_file_by_file(tmp_path: Path) -> None:
    model = Checkpoint("owner/model", Purpose.SEGMENTATION, "transformers", "CC0", 1)
    given = model.place(tmp_path / "usb")
    given.mkdir(parents=True)
    (given / "config.json").write_text("{}")
    (given / "model.safetensors").write_bytes(CONTENT)
    place = fetch(model, tmp_path / "w", source=tmp_path / "usb")
    assert place == tmp_path / "w" / "owner--model"
    assert set(hashes(tmp_path / "w")) == {
        "owner--model/config.json",
        "owner--model/model.safetensors",
    }
    (place / "model.safetensors").unlink()
    assert faults(model, tmp_path / "w") == ("owner--model/model.safetensors is missing",)


def test_a_folder_without_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"there is no tiny\.pth in"):
        fetch(checkpoint("https://weights.invalid/tiny.pth"), tmp_path / "w", source=tmp_path)


def test_known_weights_have_distinct_names_and_places() -> None:
    assert len({c.name for c in CHECKPOINTS}) == len(CHECKPOINTS)
    assert len({c.file for c in CHECKPOINTS}) == len(CHECKPOINTS)
    for found in CHECKPOINTS:
        assert (found.sha256 is None) == (found.url is None)
        assert all(known(name) for name in found.needs)


def test_weights_are_located_by_path_or_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    file.write_bytes(b"")
    assert located(str(file), None) == file
    kept = tmp_path / "w" / "sam_vit_b_01ec64.pth"
    kept.parent.mkdir()
    kept.write_bytes(b"")
    assert located("sam-vit-b", tmp_path / "w") == kept
    other = tmp_path / "w" / "someone--else"
    other.mkdir()
    assert located("someone/else", tmp_path / "w") == other


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("sam-vit-h", r"reinspect models fetch sam-vit-h", id="known"),
        pytest.param("nowhere/x.pth", r"no weights at nowhere/x\.pth.*name the file", id="path"),
    ],
)
def test_missing_weights_say_how_to_get_them(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=said):
        located(name, tmp_path)
