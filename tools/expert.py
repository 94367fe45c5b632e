"""The embedded expert: one category's fits, shared by every tool that compares with references."""

import contextlib
import ctypes
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, overload

from reinspect.images import Pixels, read_image, read_view
from reinspect.references import ReferenceMode, ReferenceSet, ReferenceSets
from reinspect.tools.comparator.fit import ComparatorFit
from reinspect.tools.comparator.network import ComparatorNetwork
from reinspect.tools.embedded import second_look
from reinspect.tools.embedded.alignment import Aligned
from reinspect.tools.embedded.features import Floats
from reinspect.tools.embedded.fit import Fit, Look
from reinspect.tools.embedded.folder import FolderFit
from reinspect.tools.embedded.scoring import Box
from reinspect.tools.embedded.second_look import Abreast, SecondFit, Witness
from reinspect.tools.embedded.single import look_alone
from reinspect.tools.features.cells import FeaturesError
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import FeatureNetwork, open_detail
from reinspect.tools.features.place_fit import PlaceFit
from reinspect.vocabulary import Sample

KEPT = 1
"""Experts kept in memory: batches come category by category."""


class _Saved(Protocol):
    def save(self, path: Path, /) -> None: ...


class Embedder(Protocol):
    """A model that says what pictures look like."""

    @property
    def key(self) -> str:
        """Of the model: its vectors mean nothing to another."""

    def embedding(self, image: Pixels, /) -> Floats:
        """A vector (n,), near those of pictures that look alike; BGR uint8 (H, W, 3)."""


F = TypeVar("F", bound=_Saved)
T = TypeVar("T")


class Expert:
    """What is known of one category. Fits are made at the first use, and immutable from then on.

    What was seen in the newest sample of each thread is remembered: several tools ask for it.
    """

    def __init__(self, references: ReferenceSet, cache: Path | None) -> None:
        self.references = references
        self._cache = cache
        self._making = threading.RLock()
        self._fit: Fit | FolderFit | None = None
        self._featured_fit: FeatureFit | None = None
        self._features: FeatureNetwork | None = None
        self._place_fit: PlaceFit | None = None
        self._second: SecondFit | None = None
        self._compared: tuple[ComparatorNetwork, ComparatorFit] | None = None
        self._embedded: dict[str, Abreast] = {}
        self._newest = threading.local()

    def look(self, sample: Sample) -> Look:
        """The first look.

        Raises:
            UnreadableImage: the sample or a reference can't be read.
        """
        return self._remembered(sample, "first", lambda: self._look(sample))

    def featured(self, sample: Sample, features: FeatureNetwork) -> Look:
        """The first look by a network's features.

        By the learned filters where nothing is to be compared cell by cell: without a set of
        references, and with a template.

        Raises:
            UnreadableImage: the sample or a reference can't be read.
        """
        if self._is_alone(sample) or not self._compares(sample):
            return self.look(sample)
        self._features = features
        seen = self._remembered(sample, "featured", lambda: self._featured(sample, features))
        return replace(seen, boxes=self._placed(sample, seen)) if seen.probability >= 0.5 else seen

    def fine(self, sample: Sample) -> Witness | None:
        """The hi-res witness; none where there is nothing to calibrate it by."""
        second = self._second_for(sample)
        if second is None:
            return None
        return self._remembered(
            sample,
            "fine",
            lambda: second.hi_res.look(read_view(sample.visual), excluding=self._page(sample)),
        )

    def abreast(self, sample: Sample, alike: Embedder | None = None) -> tuple[Aligned, ...]:
        """The references that look most like the sample, laid over it, the best fitting first.

        Args:
            sample: the part.
            alike: what says which look like it; the learned filters' features without.
        """
        references = self._abreast_for(sample, alike)
        if references is None:
            return ()
        own = None if alike else self.look(sample).appearance
        return self._remembered(
            sample,
            f"abreast {alike.key if alike else ''}",
            lambda: references.lay_over(
                read_view(sample.visual), own=own, excluding=self._page(sample)
            ),
        )

    def aligned(self, sample: Sample, alike: Embedder | None = None) -> Witness | None:
        """The witness that compares with aligned references; none where they don't align."""
        references = self._abreast_for(sample, alike)
        if references is None or not references.comparable:
            return None
        others = self.abreast(sample, alike)
        return self._remembered(
            sample,
            f"aligned {alike.key if alike else ''}",
            lambda: references.look(read_view(sample.visual), others, excluding=self._page(sample)),
        )

    def compared(self, sample: Sample, network: ComparatorNetwork) -> Witness | None:
        """The comparator's witness; none where there is nothing to compare with."""
        fit = self._comparison_for(sample, network)
        if fit is None:
            return None
        return self._remembered(
            sample,
            "compared",
            lambda: fit.look(read_view(sample.visual), network, excluding=self._page(sample)),
        )

    def located(self, sample: Sample) -> tuple[Box, ...]:
        """The suspicious places, as exact as can be: those of a first look by features.

        Those of one by learned filters are tightened where the witnesses can help.
        """
        if self._features and self._compares(sample):
            return self._placed(sample, self.featured(sample, self._features))
        first, second = self.look(sample), self._second_for(sample)
        if second is None:
            return first.boxes
        witnesses = [w for w in (self.fine(sample), self.aligned(sample)) if w is not None]
        return second_look.locate(read_view(sample.visual), first, second, witnesses)

    @property
    def fit(self) -> Fit | FolderFit:
        """What the first look compares with."""
        with self._making:
            if self._fit is None:
                kind = FolderFit if self.references.mode is ReferenceMode.FOLDER else Fit
                self._fit = self._made(
                    "first", kind.load, lambda: kind.from_references(self._images())
                )
            return self._fit

    def _look(self, sample: Sample) -> Look:
        image = read_view(sample.visual)
        if self._is_alone(sample):
            return look_alone(image)
        return self.fit.look(image, excluding=self.references.index(sample.visual.sha256))

    def _featured(self, sample: Sample, features: FeatureNetwork) -> Look:
        with self._making:
            if self._featured_fit is None or self._featured_fit.key != features.key:
                self._featured_fit = self._made(
                    features.key,
                    FeatureFit.load,
                    lambda: FeatureFit.from_references(self._images(), features),
                )
            fit = self._featured_fit
        image = read_view(sample.visual)
        return fit.look(image, features, excluding=self.references.index(sample.sha256))

    def _placed(self, sample: Sample, seen: Look) -> tuple[Box, ...]:
        """Where exactly the part is defective that a look by features found odd."""
        try:
            network = open_detail(self._cache)
        except FeaturesError:  # weights are missing: larger boxes, by the colours alone
            network = None
        with self._making:
            if self._place_fit is None:
                self._place_fit = self._made(
                    f"places-{network.key if network else 'colours'}",
                    PlaceFit.load,
                    lambda: PlaceFit.from_references(self._images(), network),
                )
            fit = self._place_fit
        return self._remembered(
            sample,
            "placed",
            lambda: fit.locate(
                read_view(sample.visual),
                seen.heat_map,
                network,
                excluding=self.references.index(sample.visual.sha256),
            ),
        )

    def _second_for(self, sample: Sample) -> SecondFit | None:
        """None without references, and where a template was compared to the pixel already."""
        if not self._compares(sample):
            return None
        with self._making:
            fit = self.fit
            if self._second is None and isinstance(fit, Fit):
                self._second = self._made(
                    "second",
                    functools.partial(SecondFit.load, fit=fit),
                    lambda: SecondFit.from_fit(fit),
                )
            return self._second

    def _abreast_for(self, sample: Sample, alike: Embedder | None) -> Abreast | None:
        """As `_second_for`; fitted anew where an embedding says which references to take."""
        second = self._second_for(sample)
        if second is None or alike is None:
            return second.abreast if second else None
        with self._making:
            fit = self.fit
            if alike.key not in self._embedded and isinstance(fit, Fit):
                self._embedded[alike.key] = self._made(
                    f"abreast-{alike.key}",
                    functools.partial(Abreast.load, embed=alike.embedding),
                    lambda: Abreast.from_fit(fit, alike.embedding),
                )
            return self._embedded[alike.key]

    def _comparison_for(self, sample: Sample, network: ComparatorNetwork) -> ComparatorFit | None:
        """None where the second look has nothing to compare with either."""
        if not self._compares(sample):
            return None
        with self._making:
            fit = self.fit
            if not isinstance(fit, Fit):
                return None
            if self._compared is None or self._compared[0] is not network:
                made = self._made(
                    f"eye-{network.pair}",
                    ComparatorFit.load,
                    lambda: ComparatorFit.from_fit(fit, network),
                )
                self._compared = network, made
            return self._compared[1]

    def _is_alone(self, sample: Sample) -> bool:
        """Whether there is nothing to compare with, but for the very same picture."""
        return self.references.mode is ReferenceMode.ALONE or set(self.references.hashes) == {
            sample.sha256
        }

    def _compares(self, sample: Sample) -> bool:
        """Whether there are references that no template stands for, compared to the pixel."""
        if self.references.mode is not ReferenceMode.GOLDEN:
            return False
        fit = self.fit
        has_template = isinstance(fit, Fit) and fit.templates is not None
        return not (has_template and second_look.by_template(self.look(sample)))

    def _page(self, sample: Sample) -> int | None:
        """The page of the album that holds this very image, which must not vouch for itself."""
        index, fit = self.references.index(sample.visual.sha256), self.fit
        return fit.album.position(index) if index is not None and isinstance(fit, Fit) else None

    def _images(self) -> Sequence[Pixels]:
        return _Files(self.references.files)

    def _remembered(self, sample: Sample, what: str, see: Callable[[], T]) -> T:
        sha256 = sample.visual.sha256
        if getattr(self._newest, "sha256", None) != sha256:
            self._newest.sha256, self._newest.seen = sha256, {}
        seen: dict[str, Any] = self._newest.seen
        if what not in seen:
            seen[what] = see()
        return cast("T", seen[what])

    def _made(self, what: str, load: Callable[[Path], F], make: Callable[[], F]) -> F:
        """From the cache where it is there and sound, else made, and cached where that can be."""
        if self._cache is None:
            return make()
        file = self._cache / "fits" / f"{self.references.key[:24]}.{what}.npz"
        with _one_process_at_a_time(file):
            with contextlib.suppress(OSError, ValueError):  # absent, or of another version
                return load(file)
            made = make()
            _give_back()
            with contextlib.suppress(OSError):  # a cache that can't be written is only slower
                made.save(file)
            return made


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


def _give_back() -> None:
    """Memory that only the fit needed, which glibc would keep for as long as the process lives."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


class _Files(Sequence[Pixels]):
    """Pictures read when they are asked for: a thousand references don't fit into memory."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Pixels: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pixels]: ...
    def __getitem__(self, index: int | slice) -> Pixels | Sequence[Pixels]:
        if isinstance(index, slice):
            return _Files(self._files[index])
        return read_image(self._files[index])


class Experts:
    """Category → expert."""

    def __init__(self, references: ReferenceSets, cache: Path | None) -> None:
        self._references = references
        self._cache = cache
        self._kept: OrderedDict[str, Expert] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, sample: Sample) -> Expert:
        """The expert that judges a sample."""
        references = self._references.of(sample.category)
        with self._lock:
            expert = self._kept.pop(references.key, None) or Expert(references, self._cache)
            self._kept[references.key] = expert
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return expert

    def good_part(self, sample: Sample) -> Pixels | None:
        """The reference that fits best, laid over the sample; none where there is none."""
        others = self.of(sample).abreast(sample)
        return others[0].image if others else None
