"""Finds the packages; everything else about the project stands in `pyproject.toml`.

Six folders at the top are linked into `src/reinspect/`. Where git makes no links (`core.symlinks`
off, the default on Windows), a link is a small text file: the folder is then mapped to its place.
"""

from pathlib import Path

from setuptools import find_namespace_packages, setup

LINKED = ("agents", "graph", "policies", "tools", "training", "ui")

packages = find_namespace_packages("src")
folders = {"": "src"}
for name in LINKED:
    if not Path("src", "reinspect", name).is_dir():
        package = f"reinspect.{name}"
        packages += [package, *(f"{package}.{room}" for room in find_namespace_packages(name))]
        folders[package] = name

setup(packages=packages, package_dir=folders)
