"""Pictures at URLs: listed and read alike, wherever they are."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from reinspect.storage import StorageError, is_url, name_of, pictures_below, read, sha256_at
from support import gcs_server, s3_server

SERVED = (pytest.mark.process, pytest.mark.server)
FILES = ["tray 2/b.png", "tray 10/ä#?%20.PNG", "a.jpg", "notes.txt", ".hidden/c.png", "x/.d.png"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stored")
    for name in FILES:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


@pytest.fixture(
    scope="module",
    params=["file", *(pytest.param(kind, marks=SERVED) for kind in ("s3", "gs"))],
)
def url(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The folder's URL: on this machine, on a server of S3, and on one of Google's storage."""
    if request.param == "file":
        yield folder.as_uri()
        return
    server = {"s3": s3_server, "gs": gcs_server}[request.param]
    with pytest.MonkeyPatch.context() as environment, server.serving(folder) as there:
        for name, value in s3_server.KEYS.items():
            environment.setenv(name, value)
        yield there


def test_pictures_are_listed_in_natural_order(url: str) -> None:
    assert [found.id for found in pictures_below(url)] == [
        "a.jpg",
        "tray 2/b.png",
        "tray 10/ä#?%20.PNG",
    ]


def test_what_is_listed_can_be_read(url: str) -> None:
    for found in pictures_below(url):
        assert b"".join(read(found.url)) == found.id.encode()
        assert sha256_at(found.url) == hashlib.sha256(found.id.encode()).hexdigest()


def test_one_picture_and_a_folder_of_them_have_urls_too(url: str) -> None:
    (found,) = (found for found in pictures_below(url) if found.id == "a.jpg")
    assert pictures_below(found.url) == [found]
    base, mark, options = url.partition("?")
    below = pictures_below(f"{base}/{quote('tray 2')}/{mark}{options}")
    assert [picture.id for picture in below] == ["b.png"]


def test_what_is_not_there_is_said_in_one_line(url: str) -> None:
    base, mark, options = url.partition("?")
    nowhere = f"{base}/nowhere{mark}{options}"
    with pytest.raises(StorageError, match="nowhere") as told:
        pictures_below(nowhere)
    assert "\n" not in str(told.value)
    assert sha256_at(nowhere) == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("s3://me:s3cret@plant/parts", "no keys in a URL", id="keys"),
        pytest.param("ftp://host/parts", "ftp", id="scheme"),
    ],
)
def test_what_cannot_be_a_storage_is_refused(url: str, said: str) -> None:
    with pytest.raises(StorageError, match=said) as told:
        pictures_below(url)
    assert "s3cret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_storage_that_is_away_is_said_in_one_line() -> None:
    options = "scheme=http&endpoint_override=127.0.0.1:1&retry_limit_seconds=1"
    with pytest.raises(StorageError, match="connect") as told:
        pictures_below(f"gs://anonymous@plant/parts?{options}")
    assert "\n" not in str(told.value)
    assert str(told.value).count("connect") == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("s3://plant/line%201/parts/", True, id="url"),
        pytest.param("C:\\parts", False, id="drive"),
        pytest.param("/data/parts", False, id="path"),
        pytest.param("s3:/plant", False, id="no-url"),
    ],
)
def test_a_url_is_told_from_a_path(path: str, expected: bool) -> None:
    assert is_url(path) is expected


@pytest.mark.parametrize(
    ("url", "name"),
    [
        pytest.param("s3://plant/line%201/?region=x", "line 1", id="folder"),
        pytest.param("s3://plant", "plant", id="bucket"),
    ],
)
def test_a_url_has_a_name(url: str, name: str) -> None:
    assert name_of(url) == name
