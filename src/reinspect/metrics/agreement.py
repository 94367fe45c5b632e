"""How far two people agree beyond chance."""

from collections.abc import Hashable, Sequence


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two people's labels of the same n items, at most 1 (Cohen 1960).

    0 is what chance would give with each person's own shares of labels. None without items, and
    where both gave all items one and the same label: chance alone would do that, too.

    Raises:
        ValueError: lengths differ.
    """
    if len(first) != len(second):
        raise ValueError(f"lengths differ: first {len(first)}, second {len(second)}")
    n = len(first)
    labels = {*first, *second}
    if not n or len(labels) == 1:
        return None
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    chance = sum(first.count(label) * second.count(label) for label in labels) / n**2
    return (agreed - chance) / (1 - chance)
