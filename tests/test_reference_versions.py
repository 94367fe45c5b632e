"""Versioned sets of references: what is in which version, and who made it."""

from pathlib import Path

import numpy as np
import pytest

from reinspect.dataset import (
    ConfirmedDefect,
    NewReference,
    ReferenceVersion,
    ReferenceVersions,
    VersionsError,
    discover,
    references_in,
    truth_of,
    version_at,
)
from reinspect.images import encode_mask
from support.command_line import put_greys


@pytest.fixture
def greys(tmp_path: Path) -> list[NewReference]:
    files = sorted(put_greys(tmp_path / "greys", 4).glob("*.png"))
    return [NewReference(str(file), f"run a: {file.name}", review=7) for file in files]


@pytest.fixture
def plates(tmp_path: Path, greys: list[NewReference]) -> ReferenceVersions:
    """Version 1 of two pictures, which counts."""
    versions = ReferenceVersions(tmp_path / "plates")
    versions.add(greys[:2], who="ada")
    return versions


def held(folder: Path | str) -> list[str]:
    return [file.name.rpartition("-")[0] for file in references_in(folder).default]


def test_a_new_version_counts_when_it_is_activated(
    plates: ReferenceVersions, greys: list[NewReference]
) -> None:
    assert plates.add(greys[1:3], who="bob", why="brushed") == 2
    assert held(plates.folder) == ["part0", "part1"]
    assert held(f"{plates.folder}@2") == ["part0", "part1", "part2"]
    plates.activate(2, who="bob")
    assert held(plates.folder) == ["part0", "part1", "part2"]
    read = ReferenceVersions(plates.folder)
    assert (read.active, read.numbers, read.made(2).who, read.made(2).why) == (
        2, (1, 2), "bob", "brushed",
    )  # fmt: skip
    assert [(one.origin, one.review) for one in read.difference(1, 2).added] == [
        ("run a: part2.png", 7)
    ]


@pytest.mark.parametrize(
    ("kind", "folder"),
    [
        pytest.param(None, "defect", id="of no type"),
        pytest.param("deep scratch", "deep scratch", id="named"),
        pytest.param("Good", "Good defect", id="a folder that would mean good"),
        pytest.param("masks", "masks defect", id="a folder that would mean masks"),
        pytest.param("../../etc/pass", "-..-etc-pass", id="a path"),
        pytest.param(" .. ", "defect", id="the folder above"),
        pytest.param("x" * 300, "x" * 60, id="too long for a file system"),
    ],
)
def test_a_confirmed_defect_is_kept_by_its_type(
    plates: ReferenceVersions, greys: list[NewReference], kind: str | None, folder: str
) -> None:
    mask = encode_mask(np.eye(4, dtype=bool))
    plates.keep_defects([ConfirmedDefect(greys[3].path, "old", mask)])
    assert plates.keep_defects([ConfirmedDefect(greys[2].path, kind, mask)]) == 1
    files = [file.relative_to(plates.defects) for file in plates.defects.rglob("*.png")]
    assert {file.parent.as_posix() for file in files} == {
        f"ground_truth/{folder}",
        f"test/{folder}",
    }
    (item,) = discover([plates.defects])
    truth = truth_of(item)
    assert truth is not None
    assert (truth.types, truth.mask is None) == ((folder,), False)


def test_an_earlier_version_undoes_and_the_next_is_made_of_it(
    plates: ReferenceVersions, greys: list[NewReference]
) -> None:
    plates.add(greys[2:3], who="ada")
    plates.activate(2, who="ada")
    plates.activate(1, who="bob", why="it passed dents")
    assert held(plates.folder) == ["part0", "part1"]
    assert plates.add(greys[3:], who="ada") == 3
    assert held(f"{plates.folder}@3") == ["part0", "part1", "part3"]
    assert plates.made(3).base == 1


def test_pictures_are_removed_by_name_origin_or_hash(
    plates: ReferenceVersions, greys: list[NewReference]
) -> None:
    plates.add(greys[2:], who="ada")
    sha256 = plates.pictures(2)[3].sha256
    assert plates.remove(["part1.png", sha256[:8]], who="ada") == 3
    assert held(f"{plates.folder}@3") == ["part0", "part2"]


def test_a_run_s_word_for_a_version_is_read_back(plates: ReferenceVersions) -> None:
    version = version_at(plates.folder)
    assert version == ReferenceVersion(1, str(plates.folder.absolute()))
    assert ReferenceVersion.parse(str(version)) == version
    assert ReferenceVersion.parse("1.4.2") is None
    assert version_at(plates.folder / "pictures") is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda v, g: v.add(g[:2], who="ada"), "nothing new", id="known"),
        pytest.param(lambda v, g: v.add(g[2:], who=" "), "is no name", id="nobody"),
        pytest.param(lambda v, g: v.remove(["part"], who="ada"), "none of its", id="no-such"),
        pytest.param(
            lambda v, g: v.remove(["part0.png", "part1.png"], who="ada"), "none would be left",
            id="all",
        ),
        pytest.param(lambda v, g: v.activate(2, who="ada"), "there are: 1", id="no-version"),
        pytest.param(lambda v, g: v.activate(1, who="ada"), "counts already", id="again"),
        pytest.param(lambda v, g: references_in(f"{v.folder}@9"), "no version 9", id="at-9"),
        pytest.param(
            lambda v, g: v.add([NewReference("scan.tif#2", "")], who="ada"), "is a page", id="page"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    plates: ReferenceVersions, greys: list[NewReference], change: object, why: str
) -> None:
    before = plates.lines
    with pytest.raises(VersionsError, match=why):
        change(plates, greys)  # type: ignore[operator]
    assert ReferenceVersions(plates.folder).lines == before


def test_two_at_once_get_a_version_each(
    plates: ReferenceVersions, greys: list[NewReference]
) -> None:
    other = ReferenceVersions(plates.folder)
    assert plates.add(greys[2:3], who="ada") == 2
    assert other.add(greys[3:], who="bob") == 3
    assert held(f"{plates.folder}@3") == ["part0", "part1", "part2", "part3"]


@pytest.mark.parametrize(
    ("tail", "active"),
    [
        pytest.param(b'{"does": "mak', 1, id="torn"),
        pytest.param(b"{}\n", None, id="no-change"),
        pytest.param(
            b'{"does":"activate","version":5,"who":"a","when":"2026-01-01T00:00:00Z"}\n', None,
            id="of-nothing",
        ),
    ],
)  # fmt: skip
def test_a_torn_line_is_left_out_and_a_wrong_one_named(
    plates: ReferenceVersions, greys: list[NewReference], tail: bytes, active: int | None
) -> None:
    with (plates.folder / "versions.jsonl").open("ab") as file:
        file.write(tail)
    if active is None:
        with pytest.raises(VersionsError, match="line 3"):
            ReferenceVersions(plates.folder)
    else:
        torn = ReferenceVersions(plates.folder)
        assert torn.active == active
        assert torn.add(greys[2:], who="ada") == 2
        assert ReferenceVersions(plates.folder).numbers == (1, 2)
