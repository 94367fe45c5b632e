"""What can be wrong with pictures, references, stores and disks: a clear line, and on it goes."""

import json
import os
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from reinspect.images import read_image
from support.command_line import Answer, invoke, judged, put_greys, put_recipe, rows, said
from support.requirements import unavailable
from support.starting import marking

# Pictures


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def turned(image: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image.rotate(90, expand=True).save(path, exif=exif, quality=95)


def deep(image: Image.Image, path: Path) -> None:
    cv2.imwrite(str(path), np.asarray(image.convert("L")).astype(np.uint16) * 257)


SOUND: dict[str, Callable[[Image.Image, Path], object]] = {
    "plain.png": lambda image, path: image.save(path),
    "one pixel.png": lambda image, path: image.resize((1, 1)).save(path),
    "line.png": lambda image, path: image.resize((400, 1)).save(path),
    "deep.png": deep,
    "palette.png": lambda image, path: image.convert("P").save(path),
    "grey.png": lambda image, path: image.convert("L").save(path),
    "clear.png": lambda image, path: image.convert("RGBA").save(path),
    "print.jpg": lambda image, path: image.convert("CMYK").save(path, quality=95),
    "turned.jpg": turned,
    "ünïcödé 部品 'quoted'.png": lambda image, path: image.save(path),
    "two\nlines.png": lambda image, path: image.save(path),
    "=cmd|' '!A1.png": lambda image, path: image.save(path),
    "[red]mark-up[bold].png": lambda image, path: image.save(path),
    f"{'long' * 50}.png": lambda image, path: image.save(path),
}
"""Name → how to write a picture that can be inspected."""

BROKEN: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "empty.png": (lambda sound, path: path.write_bytes(b""), "the file is empty"),
    "truncated.jpg": (
        lambda sound, path: path.write_bytes(sound.read_bytes()[:2000]),
        "truncated or damaged",
    ),
    "text.png": (lambda sound, path: path.write_text("hello"), "not an image"),
    "bomb.png": (
        lambda sound, path: path.write_bytes(png_header(20_000, 20_000)),
        "over the limit of 100 megapixels",
    ),
    "broken link.png": (lambda sound, path: path.symlink_to("nowhere.png"), "broken link"),
    "loop.png": (lambda sound, path: path.symlink_to(path), "loop"),
    "pipe.png": (lambda sound, path: os.mkfifo(path), "is not a regular file"),
    "round.tif": (
        lambda sound, path: path.write_bytes(b"II*\0\x08\0\0\0\0\0\x08\0\0\0"),
        "a TIFF of a kind that is unknown",
    ),
    "pipe.tif": (lambda sound, path: os.mkfifo(path), "is not a regular file"),
    "pipe.wav": (lambda sound, path: os.mkfifo(path), "is not a regular file"),
    os.fsdecode(b"byte\xff.png"): (
        lambda sound, path: shutil.copy(sound, path),
        "its name is not valid UTF-8",
    ),
}
"""Name → how to write a file that can't be inspected, and what is said of it."""


class Mixed:
    """A run over all of these at once."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self.folder, self.answer = folder, answer
        self.rows: dict[str, dict[str, Any]] = {row["image"]: row for row in rows(folder)}


@pytest.fixture(scope="module")
def mixed(sample_parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    folder = tmp_path_factory.mktemp("mixed") / "parts"
    folder.mkdir()
    part = sample_parts / "fabric" / "test" / "good" / "000.jpg"
    with Image.open(part) as image:
        for name, put in SOUND.items():
            put(image.convert("RGB"), folder / name)
    for name, (put_broken, _) in BROKEN.items():
        put_broken(part, folder / name)
    (folder / "round").symlink_to(folder, target_is_directory=True)
    out = folder.parent / "out"
    known = sample_parts / "fabric" / "train" / "good"
    return Mixed(out, invoke("run", folder, "--references", known, "--out", out, "--workers", 1))


def test_a_batch_with_bad_files_is_done_with_failed_items(mixed: Mixed) -> None:
    assert mixed.answer.code == 1
    assert f"{len(BROKEN)} failed" in mixed.answer.out
    assert len(mixed.rows) == len(SOUND) + len(BROKEN)


@pytest.mark.parametrize("name", SOUND, ids=[ascii(name)[1:20] for name in SOUND])
def test_odd_pictures_get_a_verdict_or_a_reason(mixed: Mixed, name: str) -> None:
    row = mixed.rows[name]
    assert row["error"] is None
    amiss = row["verdict"] is None  # a picture that is nothing like the references
    assert amiss == (name in {"one pixel.png", "line.png", "palette.png"})
    if amiss:
        assert row["disposition"] == "REVIEW"


@pytest.mark.parametrize(
    ("name", "words"),
    [pytest.param(name, words, id=ascii(name)[1:-1]) for name, (_, words) in BROKEN.items()],
)
def test_bad_files_get_an_error_and_review(mixed: Mixed, name: str, words: str) -> None:
    row = mixed.rows[os.fsencode(name).decode("utf-8", "backslashreplace")]
    assert words in row["error"]
    assert len(row["error"].splitlines()) == 1
    assert (row["verdict"], row["disposition"]) == (None, "REVIEW")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "coco", "label-studio"])
def test_a_batch_with_bad_files_can_be_exported(mixed: Mixed, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "exported"
    assert invoke("export", mixed.folder, "--format", kind, "--out", out).code == 0
    assert out.stat().st_size > 0


@pytest.mark.parametrize("name", ["two\nlines.png", "empty.png", "byte\\xff.png"])
def test_the_story_of_an_odd_file_can_be_shown(mixed: Mixed, name: str) -> None:
    answer = invoke("show", mixed.folder, name)
    assert answer.code == 0
    assert "settle" in answer.out


def test_a_member_that_fails_gives_rows_with_its_error(greys: Path, tmp_path: Path) -> None:
    recipe = put_recipe(
        tmp_path / "failing.yaml", "reinspect.testing:Failing", error="out of\nfilm"
    )
    answer = invoke("run", greys, "--recipe", recipe, "--out", tmp_path / "out")
    assert answer.code == 1
    assert {row["error"] for row in rows(tmp_path / "out")} == {"detect: RuntimeError: out of film"}


def test_a_picture_with_annotations_that_can_not_be_read_costs_its_own_row(
    sample_parts: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(sample_parts / "fabric", tmp_path / "fabric")
    spoilt = next(path for path in sorted(root.glob("test/*/*")) if path.parent.name != "good")
    marked = spoilt.relative_to(root).as_posix()
    (root / "boxes.json").write_text(json.dumps({marked: [{"box": [1, 1, 5, 5]}]}))
    spoilt.write_bytes(b"")
    recipe = put_recipe(tmp_path / "quick.yaml")
    out = tmp_path / "out"
    assert invoke("run", root, "--recipe", recipe, "--out", out).code == 1
    assert [row["image"] for row in rows(out) if row["error"]] == [marked]


def one_of_several(mask: Path) -> None:
    folder = mask.with_name(mask.stem.removesuffix("_mask"))
    folder.mkdir()
    mask.rename(folder / "1.png")
    (folder / "2.png").write_bytes(b"")


BAD_MASKS: dict[str, Callable[[Path], object]] = {
    "empty": lambda mask: mask.write_bytes(b""),
    "cut short": lambda mask: mask.write_bytes(mask.read_bytes()[:100]),
    "text": lambda mask: mask.write_text("no mask"),
    "bomb": lambda mask: mask.write_bytes(png_header(60_000, 60_000)),
    "pipe": lambda mask: (mask.unlink(), os.mkfifo(mask)),
    "broken link": lambda mask: (mask.unlink(), mask.symlink_to("nowhere.png")),
    "one of several": one_of_several,
}
"""What a mask may be instead → how it comes to be that."""


@pytest.mark.parametrize("spoil", [pytest.param(put, id=name) for name, put in BAD_MASKS.items()])
def test_a_mask_that_can_not_be_read_stops_nothing_and_is_named(
    sample_parts: Path, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    root = shutil.copytree(sample_parts / "fabric", tmp_path / "fabric")
    mask = sorted(root.glob("ground_truth/*/*"))[0]
    spoil(mask)
    words = "1 mask can't be read, so where its part is defective isn't known"
    where = mask.parent.as_posix()
    recipe = put_recipe(tmp_path / "quick.yaml")
    figures = tmp_path / "figures.json"
    run = invoke("run", root, "--recipe", recipe, "--out", tmp_path / "run")
    bench = invoke("bench", root, "--recipe", recipe, "--out", tmp_path / "b", "--json", figures)
    understood = invoke("dataset", root)
    written = invoke("dataset", root, "--to", "mvtec", tmp_path / "new")
    for answer, text in ((run, run.out), (bench, bench.err), (understood, understood.out)):
        assert answer.code == 0
        (line,) = (line for line in text.splitlines() if words in line)
        assert where in line
    assert "masks and boxes that can't be read" in written.out
    report = json.loads(figures.read_text())
    assert report["overall"]["final"]["n"] == len(rows(tmp_path / "run"))
    assert report["overall"]["errors"] == 0
    assert words in report["warnings"][0]


def test_counters_name_masks_that_can_not_be_read_where_nothing_is_printed(
    sample_parts: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(sample_parts / "fabric", tmp_path / "fabric")
    mask = sorted(root.glob("ground_truth/*/*"))[0]
    mask.write_bytes(b"")
    recipe, out = put_recipe(tmp_path / "quick.yaml"), tmp_path / "run"
    all_but_the_last = len(list(root.glob("test/*/*"))) - 1
    for more in ("--limit", all_but_the_last), ("--resume",):
        answer = invoke("run", root, "--recipe", recipe, "--out", out, "--quiet", *more)
        assert (answer.code, answer.out, answer.err) == (0, "", "")
        (line,) = json.loads((out / "counters.json").read_text())["unread_masks"]
        assert "1 mask can't be read" in line
        assert mask.name in line


def test_a_box_outside_of_its_picture_stops_nothing_and_is_named(
    sample_parts: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(sample_parts / "fabric", tmp_path / "fabric")
    shutil.rmtree(root / "ground_truth")
    one, other = sorted(path for path in root.glob("test/*/*") if path.parent.name != "good")[:2]
    marked = {one: [[1, 1, 5, 5]], other: [[1, 1, 5, 5], [90_000, 90_000, 90_009, 90_009]]}
    entries = {path.relative_to(root).as_posix(): boxes for path, boxes in marked.items()}
    (root / "boxes.json").write_text(json.dumps(entries))
    recipe = put_recipe(tmp_path / "quick.yaml")
    words = "1 picture has a box outside of it, so where its part is defective isn't known: "
    run = invoke("run", root, "--recipe", recipe, "--out", tmp_path / "run")
    bench = invoke("bench", root, "--recipe", recipe, "--out", tmp_path / "bench")
    for answer, text in ((run, run.out), (bench, bench.err)):
        assert answer.code == 0
        (line,) = (line for line in text.splitlines() if words in line)
        assert other.relative_to(root).as_posix() in line


# References


def alone(folder: Path, known: Path) -> None:
    shutil.copy(known / "000.jpg", folder)


def alike(folder: Path, known: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        shutil.copy(known / "000.jpg", folder / name)


def of_other_sizes(folder: Path, known: Path) -> None:
    for number, file in enumerate(sorted(known.iterdir())):
        size = (90 + 70 * number, 200 - 40 * number)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(read_image(file), size))


def tiny(folder: Path, known: Path) -> None:
    put_greys(folder, 3)


def of_one_pixel(folder: Path, known: Path) -> None:
    for grey in range(2):
        cv2.imwrite(str(folder / f"{grey}.png"), np.full((1, 1, 3), 90 + grey))


def blank(folder: Path, known: Path) -> None:
    for grey in range(3):
        cv2.imwrite(str(folder / f"{grey}.png"), np.full((100, 120, 3), 90 + grey))


@pytest.mark.parametrize("put", [alone, alike, of_other_sizes, tiny, of_one_pixel, blank])
def test_odd_references_give_verdicts(
    sample_parts: Path, tmp_path: Path, put: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "known").mkdir()
    put(tmp_path / "known", sample_parts / "fabric" / "train" / "good")
    parts = sample_parts / "fabric" / "test" / "good"
    out = tmp_path / "out"
    answer = invoke("run", parts, "--references", tmp_path / "known", "--out", out, "--explore")
    assert answer.code == 0, [row["error"] for row in rows(out)]
    found = rows(out)
    if put in (tiny, of_one_pixel, blank):  # the parts are nothing like these
        assert {row["disposition"] for row in found} == {"REVIEW"}
    else:
        assert all(row["verdict"] for row in found)


def test_one_unreadable_reference_is_named(sample_parts: Path, tmp_path: Path) -> None:
    known = shutil.copytree(sample_parts / "fabric" / "train" / "good", tmp_path / "known")
    (known / "001.jpg").write_bytes(b"no picture")
    parts = sample_parts / "fabric" / "test"
    line = said(invoke("run", parts, "--references", known, "--out", tmp_path / "out"))
    assert f"{known}/001.jpg: not an image" in line
    assert not (tmp_path / "out").exists()


def test_a_folder_of_copies_has_nothing_to_compare_with(sample_parts: Path, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    alike(tmp_path / "parts", sample_parts / "fabric" / "train" / "good")
    assert invoke("run", tmp_path / "parts", "--out", tmp_path / "out").code == 0
    assert {row["disposition"] for row in rows(tmp_path / "out")} == {"REVIEW"}
    assert len(rows(tmp_path / "out")) == 3


def test_unreadable_files_are_no_references_of_their_folder(
    sample_parts: Path, tmp_path: Path
) -> None:
    parts = shutil.copytree(sample_parts / "fabric" / "test" / "good", tmp_path / "parts")
    (parts / "empty.png").write_bytes(b"")
    assert invoke("run", parts, "--out", tmp_path / "out").code == 1
    assert judged(tmp_path / "out")["000.jpg"][0] is not None


# Stores and disks


def test_a_store_of_a_newer_version_is_refused(greys: Path, quick: Path, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    paths = ("--recipe", quick, "--store", store)
    invoke("run", greys, *paths, "--out", tmp_path / "one")
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE reinspect_version SET version_num = '9999'")
    connection.close()
    for command in (
        ("run", greys, *paths, "--out", tmp_path / "two"),
        ("show", "one", "--store", store),
        ("runs", "--store", store),
    ):
        line = said(invoke(*command))
        assert f"store {store}: of a newer reinspect" in line
        assert "upgrade reinspect" in line


def test_a_name_that_the_store_has_already(greys: Path, quick: Path, tmp_path: Path) -> None:
    paths = (greys, "--recipe", quick, "--store", tmp_path / "store.db", "--out")
    assert invoke("run", *paths, tmp_path / "a" / "run").code == 0
    assert "has a run 'run' already" in said(invoke("run", *paths, tmp_path / "b" / "run"))


@pytest.fixture
@marking(pytest.mark.process)
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of half a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "reinspect-test", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        unavailable("mount", "only root may mount a small disk")
    yield disk
    # Lazily: a connection that an error left behind lives until it is collected.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_fills_up_under_the_store(small_disk: Path, tmp_path: Path) -> None:
    many = put_greys(tmp_path / "many", 240, start=1, step=1)
    recipe = put_recipe(tmp_path / "quick.yaml")
    (small_disk / "ballast").write_bytes(b"\0" * 100_000)
    paths = (many, "--recipe", recipe, "--out", tmp_path / "out", "--workers", 1)
    store = ("--store", small_disk / "store.db")
    line = said(invoke("run", *paths, *store))
    assert f"store {small_disk}/store.db: " in line
    assert "resume the run" in line
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert invoke("run", *paths, *store, "--resume").code == 0
    assert len({row["image"] for row in rows(tmp_path / "out")}) == 240
    assert len(rows(tmp_path / "out")) == 240


@pytest.mark.parametrize("taken", [200_000, 500_000, 523_000])
def test_a_disk_so_full_that_a_run_never_began(
    small_disk: Path, tmp_path: Path, taken: int
) -> None:
    """Its folder is there, its row in the store is not."""
    recipe, parts = put_recipe(tmp_path / "quick.yaml"), put_greys(tmp_path / "parts", 5)
    (small_disk / "ballast").write_bytes(b"\0" * taken)
    paths = (parts, "--recipe", recipe, "--out", tmp_path / "out", "--workers", 1)
    run = ("run", *paths, "--store", small_disk / "store.db")
    assert "resume the run" in said(invoke(*run))
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert invoke(*run, "--resume").code == 0
    assert len(rows(tmp_path / "out")) == 5
    assert "is not empty; finish that run with --resume" in said(invoke(*run))


def test_a_disk_that_fills_up_under_the_pictures(
    small_disk: Path, sample_parts: Path, tmp_path: Path
) -> None:
    (small_disk / "ballast").write_bytes(b"\0" * 500_000)
    paths = (sample_parts / "fabric", "--out", small_disk / "out", "--store", tmp_path / "s.db")
    line = said(invoke("run", *paths))
    assert "No space left" in line
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert invoke("run", *paths, "--resume", "--retry-failed").code == 0
    assert not any(row["error"] for row in rows(small_disk / "out"))


def test_a_disk_that_can_only_be_read(small_disk: Path, greys: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    line = said(invoke("run", greys, "--out", small_disk / "out"))
    assert f"{small_disk}/out: cannot write there" in line
    assert "--out" in line
    store = ("--store", small_disk / "store.db")
    assert f"store {small_disk}" in said(invoke("run", greys, "--out", tmp_path / "out", *store))


@pytest.fixture
def powerless(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in a process that permissions apply to, also where the tests run as root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(folder / "cache"))
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(user)
        for below in folder.rglob("*"):
            if below.is_dir():
                below.chmod(0o700)
        shutil.rmtree(folder)


def test_a_folder_and_a_file_that_are_closed_to_us(powerless: Path) -> None:
    parts = put_greys(powerless / "parts", 3)
    put_greys(parts / "closed", 2, start=50)
    recipe = put_recipe(powerless / "quick.yaml")
    (parts / "closed").chmod(0)
    (parts / "part1.png").chmod(0)
    answer = invoke("run", parts, "--recipe", recipe, "--out", powerless / "out")
    assert answer.code == 1
    errors = {row["image"]: row["error"] for row in rows(powerless / "out")}
    assert "the folder can't be listed" in errors.pop("closed")
    assert "no permission to read it" in errors.pop("part1.png")
    assert errors == {"part0.png": None, "part2.png": None}


def test_folders_that_we_may_not_write_to(powerless: Path) -> None:
    parts = put_greys(powerless / "parts", 3)
    recipe = put_recipe(powerless / "quick.yaml")
    run = ("run", parts, "--recipe", recipe)
    (powerless / "closed").mkdir()
    (powerless / "closed").chmod(0o500)
    assert "cannot write there" in said(invoke(*run, "--out", powerless / "closed" / "out"))
    line = said(invoke(*run, "--out", powerless / "out", "--store", powerless / "closed" / "s.db"))
    assert "unable to open" in line
    invoke(*run, "--out", powerless / "good")
    target = powerless / "closed" / "rows.csv"
    line = said(invoke("export", powerless / "good", "--format", "csv", "--out", target))
    assert f"{target}: can't be written" in line
    assert "closed" in said(invoke("sample", powerless / "closed" / "parts"))
