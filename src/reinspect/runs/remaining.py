"""What is still to be inspected, told by name and content."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from reinspect.dataset import Item
from reinspect.images import UnreadableImage, sha256_of
from reinspect.storage import is_url, sha256_at

Done = AbstractSet[tuple[str, str]]
"""Images that need no inspection: id and content hash, which is "" of a file that can't be read."""


def left(items: Iterable[Item], done: Done) -> list[Item]:
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
