"""Whether a run may go on, and what its verdicts depend on."""

import glob
import importlib.metadata
import platform
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from threadpoolctl import threadpool_info

from reinspect.dataset import ReferenceVersion
from reinspect.files import digest_of, digest_of_file
from reinspect.graph.recipe import dump_recipe
from reinspect.runs.plan import RunPlan, beside, line_of
from reinspect.runs.remaining import Done
from reinspect.runs.sources import DropFolder
from reinspect.store import Run, Store, differences
from reinspect.tools.weights.known import MissingWeights, located

_SETS = "references"  # in a fingerprint


def fingerprint(plan: RunPlan) -> dict[str, str]:
    """What the verdicts of a run depend on, besides the images."""
    references = plan.references.fingerprint
    keys = "\n".join(f"{name}\t{key}" for name, key in sorted(references.items()))
    files = plan.recipe.files
    return {
        "version": importlib.metadata.version("reinspect"),
        "recipe": digest_of(dump_recipe(plan.recipe.placeless)),
        _SETS: digest_of(keys),
        "explore": str(plan.explore).lower(),
        **{place: digest_of_file(file) for place, file in files.items() if file.is_file()},
        **_weights(plan),
    }


def _weights(plan: RunPlan) -> dict[str, str]:
    """Option → hash of the weights that it names, which may change under their name."""
    found: dict[str, str] = {}
    for option, name in plan.recipe.named_weights.items():
        try:
            place = located(name, plan.weights)
        except MissingWeights:  # a model's short name; weights that are missing are refused
            continue
        held = [*place.rglob("*")] if place.is_dir() else [place, *_beside(place)]
        files = sorted(file for file in held if file.is_file())
        told = (f"{file.relative_to(place.parent)}\t{digest_of_file(file)}" for file in files)
        found[option] = digest_of("\n".join(told))
    return found


def _beside(graph: Path) -> Iterator[Path]:
    """The other graphs of a pair: `eye.onnx` has `eye-sees.onnx` beside it."""
    return graph.parent.glob(f"{glob.escape(graph.stem)}-*{graph.suffix}")


def changed(run: Run, plan: RunPlan) -> list[str]:
    """What keeps a plan from going on with a run, in words; of a recipe, the keys that differ."""
    words = differences(run.fingerprint, fingerprint(plan))
    if any(word.startswith("recipe: ") for word in words):
        words += _keys_that_differ(run.recipe, dump_recipe(plan.recipe), plan.recipe.files)
    return words


def versions() -> dict[str, str]:
    """Version of every package that a verdict may depend on, and the numeric platform."""
    decoders = ("opencv-python-headless", "pillow", "tifffile")
    packages = ("reinspect", "langgraph", "numpy", *decoders, "scipy")
    known = {package: importlib.metadata.version(package) for package in packages}
    return known | {"platform": numeric_platform()}


MIXED = "mixed"
"""Key beside the versions of a run: what it went on with, where that was not what it began with."""


def other_versions(run: Run) -> dict[str, str]:
    """What differs here from where a run began, and may move the last digits of its verdicts."""
    return {name: here for name, here in versions().items() if run.versions.get(name, here) != here}


def marked(run: Run) -> dict[str, str]:
    """The versions of a run that goes on here."""
    other = {f"{name} {here}" for name, here in other_versions(run).items()}
    known = set(filter(None, run.versions.get(MIXED, "").split("; ")))
    mixed = "; ".join(sorted(known | other))
    return {**run.versions, MIXED: mixed} if mixed else dict(run.versions)


def numeric_platform() -> str:
    """What the last digits of a verdict depend on, besides packages: processor, kernels of BLAS."""
    kernels = {
        f"{library['internal_api']} {library.get('version')} {library.get('architecture', '')}"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return ", ".join((platform.machine(), *sorted(kernel.strip() for kernel in kernels)))


def done_before(store: Store, run_id: int, plan: RunPlan) -> Done:
    """What a resumed run has; without those that failed, if these are to be tried again.

    And what the runs have that it goes on from, by other versions of its references.
    """
    own = store.done(run_id, failed=not plan.retry_failed) if plan.resume else set()
    return own.union(*(store.done(run.id) for run in _earlier(store, plan)))


def _earlier(store: Store, plan: RunPlan) -> list[Run]:
    name = plan.out.absolute().name
    if not isinstance(plan.source, DropFolder) or line_of(name) == name:
        return []
    return [run for run in of_its_line(store, plan) if run.name != name]


def of_its_line(store: Store, plan: RunPlan) -> list[Run]:
    """The runs that went on from each other as versions of its references counted, newest first."""
    mine = ReferenceVersion.parse(plan.references.origin)
    if mine is None:
        return []
    line, found = line_of(plan.out.absolute().name), []
    for run in store.runs():
        theirs = ReferenceVersion.parse(run.versions.get("references", ""))
        of_the_set = theirs is not None and theirs.folder == mine.folder
        if of_the_set and line_of(run.name) == line and run.sources == plan.source.absolute:
            found.append(run)
    return found


def taken_up(store: Store, plan: RunPlan) -> RunPlan:
    """The plan of a run to resume as its references count now: of the run by that very version.

    A new one where there is none. Of anything but a versioned set, or where more than the version
    has changed since, the plan is as it was.
    """
    line = of_its_line(store, plan)
    mine = fingerprint(plan) if line else {}
    if not line or any(line[0].fingerprint.get(key) != mine[key] for key in mine if key != _SETS):
        return plan
    for run in line:
        if run.versions["references"] == plan.references.origin:
            return replace(plan, out=plan.out.with_name(run.name))
    version = ReferenceVersion.parse(plan.references.origin)
    out = beside(plan.out, version.number if version else 0)
    return replace(plan, out=out, resume=False)


def _keys_that_differ(old: str, new: str, files: Collection[str]) -> list[str]:
    before, after = dict(_leaves(yaml.safe_load(old))), dict(_leaves(yaml.safe_load(new)))
    # Where references and files lie is no matter: what they hold has its own words.
    keys = sorted(
        key
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key) and not key.startswith(("references", *files))
    )
    return [f"{key}: was {before.get(key)!r}, is now {after.get(key)!r}" for key in keys[:5]]


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below a node of YAML, by its dotted key."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(node, Mapping):
        pairs = list(node.items())
    elif isinstance(node, list):
        pairs = list(enumerate(node))
    if not pairs:
        yield path, node
    for key, below in pairs:
        yield from _leaves(below, f"{path}.{key}" if path else str(key))
