"""What is installed: the whole package under one name, light to import, with its command."""

import asyncio
import importlib
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from langgraph.graph.state import CompiledStateGraph

import reinspect
from support.places import REPOSITORY

pytestmark = pytest.mark.process

FOLDERS = ("agents", "graph", "policies", "tools", "training", "ui")
HEAVY = ("cv2", "langgraph", "pandas", "scipy", "sqlmodel", "streamlit", "torch", "transformers")
UNSHIPPED = {"build", "demo", "dist", "runs", "tests"}
"""At the top: what a checkout has besides the package."""
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@localhost")


def said(*command: str, python: str = sys.executable) -> str:
    done = subprocess.run(
        [python, *command], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def unshipped(folder: str, names: list[str]) -> set[str]:
    never = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "*.db*")(folder, names)
    return never | (UNSHIPPED if Path(folder) == REPOSITORY else set())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the working tree, so that building leaves the checkout clean."""
    copy = tmp_path_factory.mktemp("packaging") / "source"
    shutil.copytree(REPOSITORY, copy, symlinks=True, ignore=unshipped)
    return copy


@pytest.fixture(scope="module")
def unlinked(source: Path) -> Path:
    """A clone of it as Windows makes one: git writes each link as a small text file."""
    clone = source.parent / "unlinked"
    for command in (
        ("init", "--quiet", str(source)),
        ("-C", str(source), "add", "--all"),
        (*IDENTITY, "-C", str(source), "commit", "--quiet", "--message", "as it stands"),
        ("clone", "--quiet", "--config", "core.symlinks=false", str(source), str(clone)),
    ):
        subprocess.run(["git", *command], check=True, timeout=60)
    return clone


def wheel_files(source: Path) -> set[str]:
    """What a wheel holds that is made from an sdist of the source."""
    dist = source.parent / f"dist-of-{source.name}"
    said("-m", "build", "--no-isolation", "--outdir", str(dist), str(source))
    (built,) = dist.glob("*.whl")
    with zipfile.ZipFile(built) as wheel:
        return set(wheel.namelist())


@pytest.fixture(scope="module")
def packed(source: Path) -> set[str]:
    return wheel_files(source)


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


@pytest.mark.slow
def test_without_links_the_wheel_is_the_same(packed: set[str], unlinked: Path) -> None:
    assert (unlinked / "src" / "reinspect" / "tools").read_text() == "../../tools"
    assert wheel_files(unlinked) == packed


@pytest.mark.slow
def test_without_links_an_editable_install_works(
    unlinked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = tmp_path / "venv"
    said("-m", "venv", "--without-pip", str(venv))
    (installed,) = venv.glob("lib/python*/site-packages")
    others = [folder for folder in sys.path if folder.endswith("site-packages")]
    (installed / "dependencies.pth").write_text("\n".join(others))
    python = str(venv / "bin" / "python")
    # Never to be replaced: what lies under `dependencies.pth`, which is another environment's.
    kept = ("--no-deps", "--no-build-isolation", "--ignore-installed")
    said("-m", "pip", "--python", python, "install", *kept, "--editable", str(unlinked))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(tmp_path / "cache"))
    made = ("--category", "flange", "--references", "2", "--good", "1", "--defective", "1")
    reinspect = str(venv / "bin" / "reinspect")
    said(reinspect, "sample", "parts", *made, python=python)
    said(reinspect, "run", "parts", "--out", "run", "--workers", "2", python=python)
    code = "import reinspect, reinspect.ui.views as v; print(reinspect.__file__, v.__file__)"
    assert said("-c", code, python=python).split() == [
        str(unlinked / "src" / "reinspect" / "__init__.py"),
        str(unlinked / "ui" / "views" / "__init__.py"),
    ]


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


def test_the_version_is_that_of_the_package() -> None:
    assert reinspect.__version__ == importlib.metadata.version("reinspect")


@pytest.mark.process
@pytest.mark.slow
def test_the_readme_passes_a_strict_type_check(tmp_path: Path) -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    snippets = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    (tmp_path / "snippet.py").write_text("\n".join(snippets), encoding="utf-8")
    cache = REPOSITORY / ".mypy_cache"
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={cache}", "snippet.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_langgraph_json_names_a_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(tmp_path))
    served = json.loads((REPOSITORY / "langgraph.json").read_text())["graphs"]
    for target in served.values():
        module, _, factory = target.partition(":")
        made = getattr(importlib.import_module(module), factory)
        graph, again = asyncio.run(made()), asyncio.run(made())
        assert isinstance(graph, CompiledStateGraph)
        assert again is graph  # the server asks for it at each run


def test_a_run_starts_without_what_only_comes_after_its_first_verdict() -> None:
    """A bundle at a line is to judge within seconds: each of these takes a part of one."""
    late = ("alembic", "jinja2", "reinspect.export", "reinspect.qualification")
    late += ("scipy.optimize", "scipy.signal", "scipy.stats")
    loaded = said("-c", "import sys, reinspect.runs.session; print(*sys.modules)").split()
    assert not set(late) & set(loaded)
