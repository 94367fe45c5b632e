"""What is installed: the whole package under one name, light to import, with its command."""

import importlib
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from langgraph.graph.state import CompiledStateGraph

from support.places import REPOSITORY

FOLDERS = ("agents", "graph", "policies", "tools", "training", "ui")
HEAVY = ("cv2", "langgraph", "pandas", "scipy", "sqlmodel", "streamlit", "torch", "transformers")
UNSHIPPED = {"build", "demo", "dist", "runs", "tests"}
"""At the top: what a checkout has besides the package."""


def said(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def unshipped(folder: str, names: list[str]) -> set[str]:
    never = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "*.db*")(folder, names)
    return never | (UNSHIPPED if Path(folder) == REPOSITORY else set())


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of a wheel made from an sdist; of a copy, so that the checkout stays clean."""
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    shutil.copytree(REPOSITORY, source, symlinks=True, ignore=unshipped)
    said("-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(source))
    (built,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(built) as wheel:
        return set(wheel.namelist())


def test_every_folder_is_linked_into_the_package() -> None:
    for name in FOLDERS:
        link = REPOSITORY / "src" / "reinspect" / name
        assert link.is_symlink(), f"{link} is no link: was it checked out without symlinks?"
        assert link.resolve() == REPOSITORY / name


def test_the_wheel_holds_every_source_file(packed: set[str]) -> None:
    package = REPOSITORY / "src" / "reinspect"
    roots = [package, *(package / name for name in FOLDERS)]  # rglob follows no links
    sources = {
        file.relative_to(package.parent).as_posix()
        for root in roots
        for file in root.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")
    }
    assert {name for name in packed if ".dist-info/" not in name} == sources


def test_nothing_is_installed_under_a_bare_name(packed: set[str]) -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert {name.partition("/")[0] for name in packed} == {
        "reinspect",
        f"reinspect-{version}.dist-info",
    }


def test_the_import_is_light() -> None:
    loaded = said("-c", "import sys, reinspect; print(*sys.modules)").split()
    assert not {module.partition(".")[0] for module in loaded} & set(HEAVY)


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys, reinspect.cli\n"
        "try: reinspect.cli.main(['--help'])\n"
        "except SystemExit: print(*sys.modules)"
    )
    words = said("-c", code).split()
    assert {"run", "bench", "show", "runs", "export", "sample", "graph", "doctor"} <= set(words)
    assert not {word.partition(".")[0] for word in words} & set(HEAVY)


def test_the_module_runs_as_the_command() -> None:
    assert "python -m reinspect [OPTIONS] COMMAND" in said("-m", "reinspect", "--help")


def test_public_names_resolve() -> None:
    package = importlib.import_module("reinspect")
    for name in package.__all__:
        assert getattr(package, name)
    with pytest.raises(AttributeError, match="inspect_imagge"):
        _ = package.inspect_imagge


def test_langgraph_json_names_a_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(tmp_path))
    served = json.loads((REPOSITORY / "langgraph.json").read_text())["graphs"]
    for target in served.values():
        module, _, factory = target.partition(":")
        graph = getattr(importlib.import_module(module), factory)()
        assert isinstance(graph, CompiledStateGraph)
