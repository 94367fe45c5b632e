"""Parts with several views whose files arrive one by one."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from reinspect.dataset import Item
from reinspect.images import sha256_of
from reinspect.runs.arriving_parts import ArrivingParts
from reinspect.vocabulary import content_of
from support.command_line import invoke, put_greys, rows

VIEWS = {"front": "*_front.*", "back": "*_back.*"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Item]:
    """Pictures of two parts, by name."""
    put_greys(tmp_path, 4)
    names = ("a_front", "a_back", "b_front", "b_back")
    for number, name in enumerate(names):
        (tmp_path / f"part{number}.png").rename(tmp_path / f"{name}.png")
    return {name: Item(f"{name}.png", str(tmp_path / f"{name}.png")) for name in names}


def told(parts: ArrivingParts) -> list[str]:
    """Each part with its views, as they come; the source must end."""
    found = (part for part in parts if part is not None)
    return [f"{part.id}: {' '.join(view.name for view in part.views)}" for part in found]


def content(files: dict[str, Item], *names: str) -> str:
    each = [(name.partition("_")[2], sha256_of(files[name].path)) for name in names]
    return content_of(each) or ""


def test_a_part_is_taken_when_all_its_views_are_there(files: dict[str, Item]) -> None:
    order = ["a_back", "b_front", "a_front", "b_back"]
    arriving = ArrivingParts([files[name] for name in order], VIEWS)
    assert told(arriving) == ["a: front back", "b: front back"]
    other = Item("x.png", "x.png")
    assert told(ArrivingParts([other, None, files["a_front"]], VIEWS)) == []


def test_a_part_that_waits_too_long_is_taken_as_it_is(files: dict[str, Item]) -> None:
    arriving = ArrivingParts([files["a_front"], None, files["a_back"]], VIEWS, timeout=1e-9)
    assert told(arriving) == ["a: front", "a: front back"]
    assert arriving.replaces == {"a": content(files, "a_front")}


def test_a_part_that_was_inspected_is_not_taken_again(files: dict[str, Item]) -> None:
    done = {("a", content(files, "a_front", "a_back")), ("b", content(files, "b_front"))}
    given: list[Item | None] = [*files.values()]
    arriving = ArrivingParts([*given[:3], None, *given[3:]], VIEWS, done=done)
    assert told(arriving) == ["b: front back"]
    assert arriving.replaces == {"b": content(files, "b_front")}


def test_a_view_that_changes_makes_another_content(files: dict[str, Item]) -> None:
    def arriving() -> Iterator[Item | None]:
        yield from (files["a_front"], files["a_back"])
        Path(files["a_back"].path).write_bytes(Path(files["b_back"].path).read_bytes())
        yield from (files["a_back"], files["a_back"])

    assert told(ArrivingParts(arriving(), VIEWS)) == ["a: front back"] * 2


def test_no_more_parts_are_taken_than_wanted(files: dict[str, Item]) -> None:
    endless = itertools.chain(files.values(), itertools.repeat(None))
    assert told(ArrivingParts(endless, VIEWS, limit=2)) == ["a: front back", "b: front back"]


def test_a_watched_folder_fills_with_parts(files: dict[str, Item], tmp_path: Path) -> None:
    drop = Path(files["a_front"].path).parent
    (drop / "b_back.png").unlink()
    recipe = tmp_path.parent / f"{tmp_path.name}.yaml"
    recipe.write_text(
        'detector: {kind: "support.own_parts:Brightness"}\ntools: []\n'
        'views: {front: "*_front.*", back: "*_back.*"}\n',
        encoding="utf-8",
    )
    good = put_greys(tmp_path.parent / f"{tmp_path.name}-good", 2)
    for number, name in enumerate(VIEWS):
        (good / f"part{number}.png").rename(good / f"1_{name}.png")
    out = tmp_path.parent / f"{tmp_path.name}-out"
    answer = invoke(
        *("run", drop, "--recipe", recipe, "--references", good, "--out", out, "--watch"),
        *("--settled", "0.05", "--view-timeout", "0.3", "--limit", "2", "--workers", "1"),
    )
    assert answer.code == 0, answer.err
    found = {row["image"]: row for row in rows(out)}
    assert set(found) == {"a", "b"}
    assert "back: no picture of this view" in found["b"]["reason"]
