"""Fits kept in the cache, made once for all processes; the pictures that they are made from."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar, overload

from reinspect.images import MAX_PIXELS, Pixels, address_of, give_back, read_image
from reinspect.references import ReferenceSet
from reinspect.sensing import PLAIN, FileRules
from reinspect.vocabulary import Scale


class Saved(Protocol):
    """What can be written to one file."""

    def save(self, path: Path, /) -> None:
        """Write it."""


F = TypeVar("F", bound=Saved)


class Fits:
    """The fits of one set of references.

    Args:
        cache: folder that they are kept in; without, each is made anew.
        key: of the references.
    """

    def __init__(self, cache: Path | None, key: str) -> None:
        self._folder = cache / "fits" if cache else None
        self._key = key[:24]

    def made(self, what: str, load: Callable[[Path], F], make: Callable[[], F]) -> F:
        """From the cache where it is there and sound, else made, and cached where that can be."""
        if self._folder is None:
            return make()
        file = self._folder / f"{self._key}.{what}.npz"
        with _one_process_at_a_time(file):
            with contextlib.suppress(OSError, ValueError):  # absent, or of another version
                return load(file)
            made = make()
            give_back()
            with contextlib.suppress(OSError):  # a cache that can't be written is only slower
                made.save(file)
            return made


class PictureFiles(Sequence[Pixels]):
    """Pictures read when they are asked for: a thousand references don't fit into memory."""

    def __init__(
        self,
        files: Sequence[str],
        scale: Scale | None = None,
        max_pixels: int = MAX_PIXELS,
        rules: FileRules = PLAIN,
    ) -> None:
        self._files, self._scale, self._max_pixels = files, scale, max_pixels
        self._rules = rules

    @classmethod
    def of(cls, references: ReferenceSet) -> "PictureFiles":
        """Those of a set, by its scale."""
        return cls(references.files, references.scale, references.max_pixels, references.rules)

    @property
    def groups(self) -> tuple[int, ...]:
        """Number of the picture that each is of: tiles of one have the same."""
        wholes = [address_of(file).whole for file in self._files]
        known = {whole: place for place, whole in enumerate(dict.fromkeys(wholes))}
        return tuple(known[whole] for whole in wholes)

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Pixels: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pixels]: ...
    def __getitem__(self, index: int | slice) -> Pixels | Sequence[Pixels]:
        if isinstance(index, slice):
            return PictureFiles(self._files[index], self._scale, self._max_pixels, self._rules)
        return read_image(
            self._files[index],
            scale=self._scale,
            max_pixels=self._max_pixels,
            rules=self._rules,
        )


@contextlib.contextmanager
def _one_process_at_a_time(file: Path) -> Iterator[None]:
    """Workers that need the same fit wait for the one that makes it: half the work and memory.

    Where there is no such lock, each makes its own; a lock ends with its process.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError, ImportError):
            import fcntl

            file.parent.mkdir(parents=True, exist_ok=True)
            fcntl.flock(held.enter_context(file.with_suffix(".lock").open("ab")), fcntl.LOCK_EX)
        yield
