"""What is still to be inspected, told by name and content."""

import itertools
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from reinspect.dataset import Item
from reinspect.images import UnreadableImage, sha256_of
from reinspect.storage import is_url, sha256_at
from reinspect.vocabulary import content_of

Done = AbstractSet[tuple[str, str]]
"""Images that need no inspection: id and content hash, which is "" of a file that can't be read."""


def left(items: Iterable[Item], done: Done) -> list[Item]:
    """The items that are still to be inspected: new ones, and those of another content."""
    names = {image for image, _ in done}
    return [item for item in items if item.id not in names or (item.id, hash_of(item)) not in done]


def contents_of(done: Done) -> dict[str, set[str]]:
    """Image → the contents of which it was inspected."""
    contents: dict[str, set[str]] = {}
    for image, content in done:
        contents.setdefault(image, set()).add(content)
    return contents


def of_fewer_views(part: Item, known: AbstractSet[str]) -> str | None:
    """Which content of a part, of those known, is that of fewer of its views; None where none is.

    Args:
        part: as it is now.
        known: contents of which it was inspected.
    """
    if not part.views or not known:
        return None
    each = [(name, _hash_at(path)) for name, path in part.files.items()]
    for count in range(len(each) - 1, 0, -1):
        for some in itertools.combinations(each, count):
            content = content_of(some)
            if content in known:
                return content
    return None


def hash_of(item: Item) -> str:
    """The content hash of an item, "" if it can't be read."""
    each = [(name, _hash_at(path)) for name, path in item.files.items()]
    return content_of(each) or ""


def _hash_at(path: str) -> str | None:
    if is_url(path):
        return sha256_at(path)
    try:
        return sha256_of(path)
    except UnreadableImage:
        return None
