"""Going on with a run: whether that may be, and what is left to do."""

import hashlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from reinspect.dataset import Item
from reinspect.graph.recipe import dump_recipe
from reinspect.images import UnreadableImage, sha256_of
from reinspect.storage import is_url, sha256_at
from reinspect.store import Run, Store, differences

if TYPE_CHECKING:
    from reinspect.runs.plan import RunPlan

Done = AbstractSet[tuple[str, str]]
"""Images that need no inspection: id and content hash, which is "" of a file that can't be read."""


def fingerprint(plan: "RunPlan") -> dict[str, str]:
    """What the verdicts of a run depend on, besides the images."""
    references = plan.references.fingerprint
    keys = "\n".join(f"{name}\t{key}" for name, key in sorted(references.items()))
    monitor = plan.recipe.monitor.options.get("file")
    return {
        "version": importlib.metadata.version("reinspect"),
        "recipe": hashlib.sha256(dump_recipe(plan.recipe.placeless).encode()).hexdigest(),
        "references": hashlib.sha256(keys.encode()).hexdigest(),
        "monitor file": hashlib.sha256(Path(monitor).read_bytes()).hexdigest() if monitor else "",
        "explore": str(plan.explore).lower(),
    }


def changed(run: Run, plan: "RunPlan") -> list[str]:
    """What keeps a plan from going on with a run, in words; of a recipe, the keys that differ."""
    words = differences(run.fingerprint, fingerprint(plan))
    if any(word.startswith("recipe: ") for word in words):
        words += _keys_that_differ(run.recipe, dump_recipe(plan.recipe))
    return words


def versions() -> dict[str, str]:
    """Version of every package that a verdict may depend on."""
    packages = ("reinspect", "langgraph", "numpy", "opencv-python-headless", "pillow", "scipy")
    return {package: importlib.metadata.version(package) for package in packages}


def done_before(store: Store, run_id: int, plan: "RunPlan") -> Done:
    """What a resumed run has; without those that failed, if these are to be tried again."""
    return store.done(run_id, failed=not plan.retry_failed) if plan.resume else frozenset()


def left(items: tuple[Item, ...], done: Done) -> list[Item]:
    """The items that are still to be inspected: new ones, and those of another content."""
    names = {image for image, _ in done}
    return [item for item in items if item.id not in names or (item.id, hash_of(item)) not in done]


def hash_of(item: Item) -> str:
    """The content hash of an item, "" if it can't be read."""
    if is_url(item.path):
        return sha256_at(item.path)
    try:
        return sha256_of(item.path)
    except UnreadableImage:
        return ""


def _keys_that_differ(old: str, new: str) -> list[str]:
    before, after = dict(_leaves(yaml.safe_load(old))), dict(_leaves(yaml.safe_load(new)))
    # Where references and the monitor lie is no matter: what they hold has its own words.
    keys = sorted(
        key
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key) and not key.startswith(("references", "monitor.file"))
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
