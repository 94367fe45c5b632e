"""The house is in order: one meaning a name, one sentence a room, pictures and pages up to date."""

import ast
import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest

from support.places import REPOSITORY

PACKAGE = REPOSITORY / "src" / "reinspect"
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])
LINES, MODULES = 500, 20
"""At most: lines a module, modules a folder."""
NAMELESS = {"utils", "util", "common", "base", "helpers", "helper", "misc"}
"""Names that don't say what a module is about."""


def modules(folder: Path = PACKAGE) -> list[Path]:
    """All modules of the package; `rglob` follows no links."""
    inside = sorted(folder.iterdir())
    found = [path for path in inside if path.suffix == ".py"]
    for path in inside:
        if path.is_dir() and path.name != "__pycache__":
            found += modules(path)
    return found


MODULES_OF_THE_PACKAGE = modules()


def name(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def said(module: Path) -> str:
    """The first paragraph of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def rooms() -> dict[str, str]:
    """Name and sentence of all that stands right under `reinspect`."""
    return {
        module.parent.name if module.stem == "__init__" else module.stem: said(module)
        for module in MODULES_OF_THE_PACKAGE
        if re.fullmatch(r"\w+/__init__\.py|(?!__)\w+\.py", name(module))
    }


def test_no_public_class_name_occurs_twice() -> None:
    """Inside another class neither."""
    found = Counter(
        node.name
        for module in MODULES_OF_THE_PACKAGE
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in found.items() if times > 1] == []


def test_no_module_is_longer_than_a_sitting() -> None:
    long = {name(it): len(it.read_text(encoding="utf-8").splitlines()) for it in modules()}
    assert {module: lines for module, lines in long.items() if lines > LINES} == {}


def test_no_folder_is_wider_than_a_look() -> None:
    wide = Counter(name(it.parent) for it in MODULES_OF_THE_PACKAGE if it.stem != "__init__")
    assert {folder: count for folder, count in wide.items() if count > MODULES} == {}


def test_every_module_is_about_something() -> None:
    parts = {name(it): {*it.with_suffix("").parts[-2:]} for it in MODULES_OF_THE_PACKAGE}
    assert [module for module, words in parts.items() if words & NAMELESS] == []


@pytest.mark.parametrize(
    "folder", [it for it in MODULES_OF_THE_PACKAGE if it.stem == "__init__"], ids=name
)
def test_every_folder_says_in_one_sentence_what_it_is(folder: Path) -> None:
    sentence = said(folder)
    assert re.fullmatch(r"[^.]+(\.\S[^.]*)*\.", sentence), f"not one sentence: {sentence!r}"
    assert " and " not in sentence, f"two rooms in one? {sentence!r}"


def test_agents_md_names_every_room_with_its_sentence() -> None:
    rows = re.findall(
        r"^\| `(\w+)(?:/|\.py)` \| (.+) \|$", (REPOSITORY / "AGENTS.md").read_text("utf-8"), re.M
    )
    assert dict(rows) == rooms()


def test_no_room_is_two() -> None:
    assert {room: said for room, said in rooms().items() if " and " in said} == {}


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    program = REPOSITORY / "docs" / "draw_rooms.py"
    spec = importlib.util.spec_from_file_location("draw_rooms", program)
    assert spec
    assert spec.loader
    draw_rooms = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw_rooms)
    assert draw_rooms.PICTURE.read_text("utf-8") == draw_rooms.drawing(), "make rooms"


def paths_named(page: Path) -> set[str]:
    """What looks like a path from the top of the repository: in backticks, or a script anywhere."""
    text = page.read_text(encoding="utf-8")
    top = r"agents|graph|policies|tools|training|ui|src|tests|docs|examples|benchmarks|\.ci"
    quoted = re.findall(
        rf"`((?:{top})/[\w./-]*)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    )
    return {*quoted, *re.findall(r"\b(?:benchmarks|examples)/[\w/-]+\.\w+", text)}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.stem
)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    assert {path for path in paths_named(page) if not (REPOSITORY / path).exists()} == set()
