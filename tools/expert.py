"""The embedded expert: one category's fits, shared by every tool that compares with references."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from reinspect.images import Pixels, read_image, read_view
from reinspect.tools.embedded.fit import Fit, Look
from reinspect.tools.embedded.folder import FolderFit
from reinspect.tools.embedded.second_look import SecondFit
from reinspect.tools.embedded.single import look_alone
from reinspect.tools.golden import GoldenSet, GoldenSets, Mode
from reinspect.vocabulary import Sample

KEPT = 3
"""Experts kept in memory: batches come category by category."""


class _Saved(Protocol):
    def save(self, path: Path) -> None: ...


F = TypeVar("F", bound=_Saved)


class Expert:
    """What is known of one category. Fits are made at the first use, and immutable from then on."""

    def __init__(self, golden: GoldenSet, cache: Path | None) -> None:
        self.golden = golden
        self._cache = cache
        self._making = threading.RLock()
        self._fit: Fit | FolderFit | None = None
        self._second: SecondFit | None = None
        self._recent = threading.local()

    def look(self, sample: Sample) -> Look:
        """The first look. The newest one is remembered, for the tools that build on it."""
        view = sample.visual
        if getattr(self._recent, "sha256", None) != view.sha256:
            self._recent.look = self._fresh_look(sample)
            self._recent.sha256 = view.sha256
        look: Look = self._recent.look
        return look

    def excluding(self, sample: Sample) -> int | None:
        """The reference that is this very image, and so must not vouch for it."""
        return self.golden.index(sample.visual.sha256)

    @property
    def fit(self) -> Fit | FolderFit:
        """What the first look compares with.

        Raises:
            ValueError: there are no references, or one of them can't be read.
        """
        with self._making:
            if self._fit is None:
                kind = FolderFit if self.golden.mode is Mode.FOLDER else Fit
                self._fit = self._made("first", kind.load, lambda: kind.from_references(self._images()))
            return self._fit

    @property
    def second(self) -> SecondFit | None:
        """What the second look compares with; none without a golden set."""
        with self._making:
            fit = self.fit
            if self._second is None and isinstance(fit, Fit):
                self._second = self._made(
                    "second", SecondFit.load, lambda: SecondFit.from_references(self._images(), fit)
                )
            return self._second

    def _fresh_look(self, sample: Sample) -> Look:
        image = read_view(sample.visual)
        if self.golden.mode is Mode.ALONE or set(self.golden.hashes) == {sample.visual.sha256}:
            return look_alone(image)
        return self.fit.look(image, excluding=self.excluding(sample))

    def _images(self) -> list[Pixels]:
        if not self.golden.files:
            raise ValueError("there are no references to compare with")
        return [read_image(file) for file in self.golden.files]

    def _made(self, what: str, load: Callable[[Path], F], make: Callable[[], F]) -> F:
        """From the cache where it is there and sound, else made and cached where that can be."""
        if self._cache is None:
            return make()
        file = self._cache / "fits" / f"{self.golden.key[:24]}.{what}.npz"
        with contextlib.suppress(OSError, ValueError):  # absent, or of another version
            return load(file)
        made = make()
        with contextlib.suppress(OSError):  # a cache that can't be written is only slower
            file.parent.mkdir(parents=True, exist_ok=True)
            made.save(file)
        return made


class Experts:
    """Category → expert."""

    def __init__(self, references: GoldenSets, cache: Path | None) -> None:
        self._references = references
        self._cache = cache
        self._kept: OrderedDict[str, Expert] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, sample: Sample) -> Expert:
        """The expert that judges a sample."""
        golden = self._references.of(sample.category)
        with self._lock:
            expert = self._kept.pop(golden.key, None) or Expert(golden, self._cache)
            self._kept[golden.key] = expert
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return expert
