"""The server from outside: verdicts, traces, batches, and every way to say no."""

import contextlib
import io
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tifffile

from reinspect.api.gate import RequestLimits
from reinspect.api.intake import Pace
from reinspect.graph import inspect_image
from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.graph.references import reference_sets
from reinspect.store import Store
from reinspect.store.rows import Row
from reinspect.trace import Trace
from support.api_server import Served, Serving, files, grey, wait_until
from support.recordings import hum, with_clicks, write_wav

KEY = "a-key-of-sixteen-letters-or-more"
NOBODY = "00000000-0000-4000-8000-000000000000"


def refused(answer: httpx.Response, status: int) -> str:
    """What a refusal says; always a problem, in one line, without a traceback."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status
    assert "Traceback" not in answer.text
    assert len(said["detail"].splitlines()) == 1
    return str(said["detail"])


def test_a_picture_gets_the_verdict_that_a_run_gives_it(
    serving: Serving, sample_parts: Path, fits: Path
) -> None:
    golden = sample_parts / "flange" / "train" / "good"
    part = next((sample_parts / "flange" / "test").glob("[!g]*/*.jpg"))
    expected = Row.of(inspect_image(part, references=golden, cache=fits))
    sets = reference_sets((), Recipe(), given=golden)
    with serving(recipe=Recipe(), references=sets, fits=fits) as served:
        answer = served.send(part.read_bytes(), "4711.jpg")
        assert answer.status_code == 200
        found = answer.json()
        told = found["result"]
        for key in ("sha256", "verdict", "first", "reliability", "disposition", "reason", "rounds"):
            assert told[key] == expected.model_dump(mode="json")[key]
        assert told["image"] == f"{found['id']}/4711.jpg"
        assert served.client.get(f"/v1/inspections/{found['id']}").json() == found
        trace = served.client.get(f"/v1/inspections/{found['id']}/trace")
        assert Trace.model_validate_json(trace.content).steps[0].node == "detect"
        assert str(served.folder) not in trace.text
        assert str(golden) not in trace.text


def test_a_recording_gets_its_verdict_and_one_of_several_windows_is_refused(
    serving: Serving, tmp_path: Path, fits: Path
) -> None:
    for seed in range(4):
        write_wav(tmp_path / "good" / f"{seed}.wav", hum(seed))
    part = write_wav(tmp_path / "part.wav", with_clicks(hum(9)))
    long = write_wav(tmp_path / "long.wav", hum(9, seconds=2))
    recipe = parse_recipe("signals: {window_s: 1}")
    sets = reference_sets((), recipe, given=tmp_path / "good")
    with serving(recipe=recipe, references=sets, fits=fits) as served:
        told = served.send(part.read_bytes(), "part.wav").json()["result"]
        assert told["verdict"]["label"] == "anomalous"
        assert set(told["verdict"]["defects"][0]["covers"]) == {"s", "Hz"}
        said = refused(served.send(long.read_bytes(), "long.wav"), 415)
        assert "a recording of 2 windows of 1 s; send it cut" in said
        said = refused(served.send(grey(100), "grey.png"), 415)
        assert "no recording, as the others are" in said


def test_a_batch_is_accepted_and_can_be_polled(served: Served) -> None:
    sent = [("images", (f"{level}.png", grey(level))) for level in (0, 100, 250)]
    sent.append(("images", ("notes.txt", b"no picture at all")))
    answer = served.client.post("/v1/batches", files=sent)
    assert answer.status_code == 202
    where = answer.headers["location"]
    wait_until(lambda: served.client.get(where).json()["state"] == "done")
    batch = served.client.get(where).json()
    assert (batch["images"], batch["done"]) == (4, 4)
    found = [(one["name"], one["result"]["disposition"]) for one in batch["inspections"]]
    assert [name for name, _ in found] == ["0.png", "100.png", "250.png", "notes.txt"]
    bad = batch["inspections"][3]["result"]
    assert bad["disposition"] == "REVIEW"
    assert "not an image" in bad["error"]
    assert str(served.folder) not in str(batch)


def test_the_console_sees_the_pictures_as_a_run(served: Served) -> None:
    key = served.send(grey(10), "4711.png").json()["id"]
    with Store.open(served.folder.parent / "line.db", create=False) as store:
        (run,) = store.runs()
        (found,) = [one for one in store.inspections(run.id) if one.row.image.startswith(key)]
        assert found.row.image == f"{key}/4711.png"
        assert Path(found.path).read_bytes() == grey(10)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        pytest.param("../../etc/passwd", "passwd", id="folders"),
        pytest.param("C:\\line\\4711.png", "4711.png", id="windows"),
        pytest.param("名前.png", "名前.png", id="unicode"),
        pytest.param("a" * 500 + ".png", "a" * 100, id="long"),
        pytest.param("/", "", id="nothing-left"),
    ],
)
def test_a_name_is_shown_and_never_opened(served: Served, name: str, stored: str) -> None:
    before = files(served.folder)
    found = served.send(grey(10), name).json()
    assert found["name"] == stored
    (made,) = set(files(served.folder)) - set(before)
    assert made.stem == found["id"]


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        pytest.param(b"%PDF-1.7 no picture", "not an image", id="other-format"),
        pytest.param(b"", "empty", id="empty"),
        pytest.param(grey(9)[:20], "part.png", id="cut-header"),
    ],
)
def test_what_is_no_image_is_refused_and_leaves_nothing(
    served: Served, picture: bytes, says: str
) -> None:
    before = files(served.folder)
    assert says in refused(served.send(picture), 415)
    assert files(served.folder) == before


def test_pages_are_asked_for_one_by_one(served: Served) -> None:
    scan = io.BytesIO()
    tifffile.imwrite(scan, np.zeros((3, 8, 8), np.uint8), photometric="minisblack")
    before = files(served.folder)
    said = "scan.tif: 3 pictures in one file; send each page as a file of its own"
    assert refused(served.send(scan.getvalue(), "scan.tif"), 415) == said
    sent = [("images", ("part.png", grey(9))), ("images", ("scan.tif", scan.getvalue()))]
    assert refused(served.client.post("/v1/batches", files=sent), 415) == said
    assert files(served.folder) == before


def test_an_image_that_breaks_off_is_for_review(served: Served) -> None:
    found = served.send(grey(9, size=256)[:-300]).json()
    assert found["result"]["disposition"] == "REVIEW"
    assert str(served.folder) not in found["result"]["error"]


@pytest.mark.parametrize("key", [NOBODY, "4711", "..%2F..%2Fline.db"])
@pytest.mark.parametrize("place", ["inspections/{}", "inspections/{}/trace", "batches/{}"])
def test_what_is_not_there_is_not_found(served: Served, place: str, key: str) -> None:
    answer = served.client.get(f"/v1/{place.format(key)}")
    assert answer.status_code in ({404} if key == NOBODY else {404, 422})
    refused(answer, answer.status_code)


def test_a_missing_picture_is_told(served: Served) -> None:
    said = refused(served.client.post("/v1/inspections", data={"category": "x"}), 422)
    assert said == "body.image is missing"


def test_a_picture_over_the_recipes_limit_is_refused(serving: Serving) -> None:
    recipe = parse_recipe("pictures: {max_pixels: 63}\ntools: []\n")
    with serving(recipe=recipe, references=reference_sets((), recipe)) as served:
        assert "over the limit of 6.3e-05 megapixels" in refused(served.send(grey(9)), 415)


PART = ("part.png", grey(9))


@pytest.mark.parametrize(
    ("place", "pictures", "fields", "query", "words"),
    [
        pytest.param("inspections", ["image", "image"], {}, "", "image: sent 2 times", id="two"),
        pytest.param("inspections", ["image", "images"], {}, "", "'images': unknown", id="both"),
        pytest.param("inspections", ["image", "mask"], {}, "", "'mask': unknown", id="unknown"),
        pytest.param("inspections", ["image"], {"categry": "x"}, "", "'category'", id="misspelt"),
        pytest.param(
            "inspections", ["image"], {"category": ["a", "b"]}, "", "category: sent 2", id="twice"
        ),
        pytest.param("inspections", ["image"], {}, "?category=x", "in the form", id="address"),
        pytest.param("batches", ["images", "image"], {}, "", "'image': unknown", id="of a batch"),
        pytest.param("batches", ["images"], {"order": "7"}, "", "'order': unknown", id="text"),
        pytest.param(
            "batches", ["images"], {"category": ["a", "b"]}, "", "category: sent 2", id="of many"
        ),
    ],
)
def test_nothing_that_is_sent_is_dropped(
    served: Served, place: str, pictures: list[str], fields: dict[str, Any], query: str, words: str
) -> None:
    before = files(served.folder)
    parts = [(name, PART) for name in pictures]
    answer = served.client.post(f"/v1/{place}{query}", files=parts, data=fields)
    assert words in refused(answer, 422)
    assert files(served.folder) == before


def test_a_category_without_references_is_refused(
    serving: Serving, sample_parts: Path, tmp_path: Path
) -> None:
    folders = {name: str(sample_parts / name / "train" / "good") for name in ("flange", "fabric")}
    chosen = {"detector": "support.own_parts:Brightness", "tools": [], "references": folders}
    recipe = Recipe.model_validate(chosen)
    with serving(recipe=recipe, references=reference_sets((), recipe)) as served:
        assert "there are for: fabric, flange" in refused(served.send(grey(9)), 422)
        refused(served.send(grey(9), category="nut"), 422)
        assert served.send(grey(9), category="flange").json()["result"]["category"] == "flange"


@pytest.mark.parametrize("given", [None, "", "wrong", KEY[:-1], "\u00e9" * 32])
def test_without_the_key_nothing_is_to_be_had(serving: Serving, given: str | None) -> None:
    with serving(keys=("another-key-for-somebody-else", KEY)) as served:
        headers = {} if given is None else {"X-API-Key": given.encode()}
        with httpx.Client(base_url=served.client.base_url, headers=headers) as stranger:
            for place in ("/v1/inspections/x", f"/v1/batches/{NOBODY}"):
                answer = stranger.get(place)
                refused(answer, 401)
                assert answer.headers["www-authenticate"] == "ApiKey"
            assert stranger.get("/health").is_success
        headers = {"X-API-Key": KEY}
        assert httpx.get(f"{served.client.base_url}/v1/batches/{NOBODY}", headers=headers)


@pytest.mark.parametrize("told", [True, False], ids=["its-length-told", "in-chunks"])
def test_fifty_megabytes_are_refused_while_they_come(serving: Serving, told: bool) -> None:
    body = b"".join((b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n',))
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        yield body
        for _ in range(50):
            sent += 1
            yield bytes(1 << 20)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    headers |= {"Content-Length": str(len(body) + (50 << 20))} if told else {}
    with serving(limits=RequestLimits(max_bytes=1 << 20)) as served:
        answer = served.client.post("/v1/inspections", content=pieces(), headers=headers)
        refused(answer, 413)
        assert not files(served.folder)
        assert served.send(grey(9)).is_success


def test_a_client_that_sends_too_slowly_is_sent_away(serving: Serving) -> None:
    with serving(limits=RequestLimits(body_seconds=0.3)) as served, socket.socket() as slow:
        slow.connect(served.address)
        slow.settimeout(20)
        slow.sendall(
            b"POST /v1/inspections HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x"
        )
        assert slow.recv(20).startswith(b"HTTP/1.1 408")


def test_a_request_whose_head_never_ends_is_cut_off(serving: Serving) -> None:
    with serving(head_seconds=1) as served, socket.socket() as slow:
        slow.connect(served.address)
        slow.settimeout(20)
        slow.sendall(b"GET /health HTTP/1.1\r\nX-Slow: a")
        gone = threading.Event()
        dripping = threading.Thread(target=_drip, args=(slow, gone))
        dripping.start()
        try:
            with contextlib.suppress(ConnectionResetError):
                assert slow.recv(1) == b""
        finally:
            gone.set()
            dripping.join()


def _drip(slow: socket.socket, gone: threading.Event) -> None:
    while not gone.wait(0.1):
        try:
            slow.sendall(b"a")
        except OSError:
            return


def test_too_many_requests_are_told_when_to_come_back(serving: Serving) -> None:
    with serving(limits=RequestLimits(rate=1)) as served:
        answers = [served.client.get(f"/v1/batches/{NOBODY}") for _ in range(5)]
        assert [answer.status_code for answer in answers[:2]] == [404, 404]
        refused(answers[-1], 429)
        assert int(answers[-1].headers["retry-after"]) == 1


def test_a_full_queue_is_told_and_takes_nothing(serving: Serving, mood: Path) -> None:
    hanging = {"kind": "support.own_parts:Hanging", "mood": str(mood)}
    with serving(hanging, pace=Pace(queue=2), patience=0.0) as served:
        first, second = served.send(grey(0)), served.send(grey(0))
        assert (first.status_code, second.status_code) == (202, 202)
        full = served.send(grey(3))
        refused(full, 503)
        assert full.headers["retry-after"] == "1"
        refused(served.client.get("/ready"), 503)
        where = first.headers["location"]
        assert served.client.get(where).json()["state"] == "waiting"
        mood.unlink()
        wait_until(lambda: served.client.get(where).json()["state"] == "done")
        wait_until(lambda: served.client.get("/ready").is_success)


def test_a_batch_that_is_too_large_is_refused(serving: Serving) -> None:
    sent = [("images", (f"{n}.png", grey(n))) for n in range(3)]
    with serving(limits=RequestLimits(max_images=2)) as served:
        assert "send fewer" in refused(served.client.post("/v1/batches", files=sent), 413)
    with serving(pace=Pace(queue=2)) as served:
        assert "no room" in refused(served.client.post("/v1/batches", files=sent), 503)


def test_single_pictures_go_before_batches(serving: Serving) -> None:
    slow = {"kind": "support.own_parts:Brightness", "seconds": 0.3}
    sent = [("images", (f"{n}.png", grey(n))) for n in range(12)]
    with serving(slow) as served:
        where = served.client.post("/v1/batches", files=sent).headers["location"]
        assert served.send(grey(99)).is_success
        assert served.client.get(where).json()["state"] == "waiting"


def test_a_worker_that_dies_costs_its_own_picture(serving: Serving) -> None:
    with serving("support.own_parts:Fragile") as served:
        assert "died" in served.send(grey(0)).json()["result"]["error"]
        assert served.send(grey(9)).json()["result"]["error"] is None


def test_a_picture_that_takes_too_long_is_for_review(serving: Serving) -> None:
    endless = {"kind": "support.own_parts:Brightness", "seconds": 60}
    with serving(endless, pace=Pace(image_seconds=0.2)) as served:
        assert "timed out" in served.send(grey(9)).json()["result"]["error"]


def test_what_a_stopped_server_left_is_inspected_by_the_next(
    serving: Serving, tmp_path: Path
) -> None:
    slow = {"kind": "support.own_parts:Brightness", "seconds": 0.4}
    with serving(slow, pace=Pace(drain_seconds=0.0), patience=0.0) as served:
        single = served.send(grey(200)).headers["location"]
        sent = [("images", (f"{n}.png", grey(n))) for n in range(20)]
        batch = served.client.post("/v1/batches", files=sent).headers["location"]
    assert served.intake.left > 0
    with serving() as served:
        wait_until(lambda: served.client.get(batch).json()["state"] == "done")
        assert served.client.get(single).json()["state"] == "done"
        assert served.client.get("/health").is_success
        assert not list(served.intake.spool.unfinished())
    with Store.open(tmp_path / "line.db") as store:
        assert store.tally(1).images == 21


def test_while_the_store_is_locked_nothing_is_lost(serving: Serving, tmp_path: Path) -> None:
    with serving(patience=0.0) as served, contextlib.closing(_locked(tmp_path / "line.db")) as lock:
        where = served.send(grey(9)).headers["location"]
        wait_until(lambda: served.client.get("/ready").status_code == 503)
        assert "locked" in refused(served.client.get("/ready"), 503)
        refused(served.send(grey(9)), 503)
        assert served.client.get(where).json()["state"] == "waiting"
        lock.execute("ROLLBACK")
        wait_until(lambda: served.client.get(where).json()["state"] == "done")
        assert served.client.get("/ready").is_success


def _locked(store: Path) -> sqlite3.Connection:
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other
