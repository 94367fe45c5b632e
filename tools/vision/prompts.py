"""What models are pointed with: phrases for those that find, places for those that segment.

A model of this kind reads a prompt such as `scratch. dent.` and answers with boxes. Its text
encoder takes so many tokens, so a long list of phrases becomes several prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from reinspect.images import Mask, Pixels

LONGEST = 200
"""Characters of a phrase that are read."""

Prompt = tuple[str, ...]
"""Phrases that are asked for at once."""

Corners = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels, half-open."""


class Found(NamedTuple):
    """A box as a model gave it: corners in shares of the picture, which it may leave."""

    corners: tuple[float, float, float, float]
    score: float
    phrase: str
    """The one of the prompt that it stands for; empty where the model can't say."""


class Finder(Protocol):
    """A model that finds what phrases name."""

    def prompts(self, phrases: Sequence[str], /) -> tuple[Prompt, ...]:
        """All phrases, in as few prompts as its text encoder allows."""
        ...

    def __call__(
        self, image: Pixels, prompts: Sequence[Prompt], /, *, least: float
    ) -> list[tuple[Found, ...]]:
        """The boxes of each prompt that score more than `least`."""
        ...


class SegmentPrompt(NamedTuple):
    """A place to segment: a box, or the pixel (x, y) on the thing; one of them."""

    box: Corners | None = None
    point: tuple[int, int] | None = None


class Segmenter(Protocol):
    """A backend. Masks are boolean (H, W) of the picture, BGR uint8 (H, W, 3)."""

    def masks(self, image: Pixels, prompts: Sequence[SegmentPrompt], /) -> Sequence[Mask]:
        """One mask a prompt, empty where there is nothing."""

    def everything(self, image: Pixels, /) -> Sequence[Mask]:
        """A mask of each thing in the picture, without being pointed at it."""


def cleaned(phrases: Iterable[str]) -> tuple[str, ...]:
    """Phrases as prompts may hold them, each once, without the empty ones.

    Lower case, one line, and without the full stops and question marks that part phrases.
    """
    plain = (" ".join(p.lower().replace(".", " ").replace("?", " ").split()) for p in phrases)
    return tuple(dict.fromkeys(phrase[:LONGEST].strip() for phrase in plain if phrase))


def text_of(prompt: Prompt) -> str:
    """The prompt as GroundingDINO reads it."""
    return ". ".join(prompt) + "."


def in_prompts(
    phrases: Sequence[str], tokens: Callable[[str], int], room: int
) -> tuple[Prompt, ...]:
    """Phrases in their order, in prompts of at most `room` tokens; one that is longer stands alone.

    Args:
        phrases: cleaned ones.
        tokens: how many a phrase takes; one more parts it from the next.
        room: of a prompt, without the tokens at its ends.
    """
    prompts: list[list[str]] = []
    left = 0
    for phrase in phrases:
        taken = tokens(phrase) + 1
        if not prompts or taken > left:
            prompts.append([])
            left = room
        prompts[-1].append(phrase)
        left -= taken
    return tuple(map(tuple, prompts))


def meant(said: str, prompt: Prompt) -> str:
    """The phrase of a prompt that a model's words stand for: most of its words are among them."""
    words = set(said.lower().replace(".", " ").split())
    shares = [(len(words & (own := set(p.split()))) / len(own), -i) for i, p in enumerate(prompt)]
    best, place = max(shares, default=(0.0, 0))
    return prompt[-place] if best > 0 else ""
