"""The documentation does what it says: its commands and Python run, its links lead somewhere.

Blocks of one page run in order, in a folder that holds sample parts (`parts`), pictures (`photos`
and `part.jpg`), known-good ones (`good`), judgements (`judged.jsonl`, `other.jsonl`) and the
project's `examples`; names made by one Python block are known to the next. Of `bash` blocks the
lines that call `reinspect` run, of `yaml` blocks all are read as recipes.
`<!-- not run: why -->` right above a block leaves it out.
"""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reinspect import build_graph
from reinspect.cli import main
from reinspect.components import ToolOptions, options_of
from reinspect.graph.components import TABLE, load
from reinspect.graph.recipe import Recipe, parse_recipe
from support.made_judgements import judgements, written
from support.places import REPOSITORY

PAGES: list[Path] = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])
MARKS = {
    "README": pytest.mark.process,
    "line": pytest.mark.process,
    "operations": pytest.mark.process,
    "bench": pytest.mark.slow,
}
"""Pages whose commands have much to do: they start processes, or take long."""

RECIPES = REPOSITORY / "docs" / "recipes.md"
HOW = REPOSITORY / "docs" / "how-it-works.md"

_FENCE = re.compile(
    r"^(?P<mark><!-- not run: .+? -->\n+)?```(?P<kind>\w+)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S
)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)|<img [^>]*src=\"(?P<source>[^\"]+)\"")


class Block(NamedTuple):
    """A fenced block of a page."""

    kind: str
    text: str
    line: int
    left_out: bool


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("text"))
        yield Block(found["kind"], found["text"], line, bool(found["mark"]))


def test_a_block_is_found_with_its_kind_line_and_mark(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# T\n\n```python\nx = 1\n```\n<!-- not run: slow -->\n```bash\nls\n```\n")
    assert list(blocks(page)) == [
        Block("python", "x = 1\n", 3, left_out=False),
        Block("bash", "ls\n", 7, left_out=True),
    ]


@pytest.fixture
def folder(tmp_path: Path, sample_parts: Path, fits: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader would try the commands."""
    flange = sample_parts / "flange"
    shutil.copytree(sample_parts, tmp_path / "parts")
    shutil.copytree(flange / "train" / "good", tmp_path / "good")
    (tmp_path / "photos").mkdir()
    for number, part in enumerate(sorted(flange.glob("test/*/*"))):
        shutil.copy(part, tmp_path / "photos" / f"{number}.jpg")
    shutil.copy(flange / "test" / "good" / "000.jpg", tmp_path / "part.jpg")
    for name, seed in (("judged", 1), ("other", 2)):
        written(tmp_path / f"{name}.jsonl", judgements(200, seed=seed, strength=3))
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(fits))
    return tmp_path


@pytest.mark.slow  # README's first lines are the whole demo
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=MARKS.get(page.stem, ())) for page in PAGES],
    ids=lambda page: page.stem,
)
def test_the_blocks_of_a_page_run(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "__page__"}
    for block in blocks(page):
        if block.left_out:
            continue
        if block.kind == "python":
            padded = "\n" * block.line + block.text
            exec(compile(padded, str(page), "exec"), names)
        elif block.kind == "yaml":
            parse_recipe(block.text, name=f"{page.name}, line {block.line}")
        elif block.kind == "bash":
            for line in block.text.replace("\\\n", "").splitlines():
                run(line, monkeypatch, f"{page.name}, line {block.line}: {line}")


def run(line: str, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """A line that calls `reinspect`, with the variables set before it; no other line."""
    words = shlex.split(line, comments=True)
    with monkeypatch.context() as patch:
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            name, _, value = words.pop(0).partition("=")
            patch.setenv(name, value)
            if name == "PYTHONPATH":
                patch.syspath_prepend(os.path.abspath(value))  # noqa: PTH100 - keeps the link
        if not words or Path(words[0]).name != "reinspect":
            return
        with pytest.raises(SystemExit) as ended:
            main(words[1:])
        assert not ended.value.code, where


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for found in _LINK.finditer(text):
        target = found["target"] or found["source"]
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name}: {target}"
        assert there.is_relative_to(REPOSITORY), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_drawing_is_the_programs_own() -> None:
    drawn = [block.text for block in blocks(HOW) if block.kind == "mermaid"]
    assert drawn == [build_graph().get_graph().draw_mermaid()]


@pytest.mark.parametrize("role", TABLE)
def test_every_component_its_stage_and_its_options_are_in_a_table(role: str) -> None:
    rows = [row for page in PAGES for row in table_rows(page)]
    shared = {name for page in PAGES for name in first_cells(page)}  # with a row of their own
    for kind in TABLE[role]:
        component = load(role, kind)
        names = [n for n in options_of(component).names() if n not in ToolOptions.model_fields]
        expected = [f"`{name}`" for name in names if name not in shared]
        expected += [f"| {component.about.stage} |"] if role == "tools" else []
        documented = any(
            name == kind and all(word in f"| {row}" for word in expected) for name, row in rows
        )
        assert documented, f"no row in docs/ for {role}: {kind}, with {expected}"


def first_cells(page: Path) -> set[str]:
    """Every name in the first cell of a row that has only names there."""
    cells = re.findall(r"^\| (`[^|]+`) \|", page.read_text(encoding="utf-8"), re.M)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_key_of_a_recipe_is_in_the_recipe_page() -> None:
    names = {name.partition(".")[0] for name, _ in table_rows(RECIPES)}
    assert set(Recipe.model_fields) <= names


def table_rows(page: Path) -> list[tuple[str, str]]:
    """First cell and the rest of each row, of all tables of a page."""
    return re.findall(r"^\| `([^`]+)` \| (.+)$", page.read_text(encoding="utf-8"), re.M)
