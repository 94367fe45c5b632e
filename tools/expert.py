"""The embedded expert: one category's fits, shared by every tool that compares with references."""

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from reinspect.images import Pixels, read_view
from reinspect.pictures import COOL, HOT, heat_map_picture
from reinspect.references import ReferenceMode, ReferenceSet, ReferenceSets
from reinspect.tools.comparator.fit import ComparatorFit
from reinspect.tools.comparator.network import ComparatorNetwork
from reinspect.tools.embedded import second_look
from reinspect.tools.embedded.album import Album
from reinspect.tools.embedded.alignment import Aligned, GoodPart
from reinspect.tools.embedded.features import Floats
from reinspect.tools.embedded.fit import MAX_REFERENCES, Fit
from reinspect.tools.embedded.folder import FolderFit
from reinspect.tools.embedded.look import Look
from reinspect.tools.embedded.scoring import Box
from reinspect.tools.embedded.second_look import Abreast, SecondFit, Witness
from reinspect.tools.embedded.single import look_alone
from reinspect.tools.embedded.template_fit import TemplateFit
from reinspect.tools.features.cells import FeaturesError
from reinspect.tools.features.first import BY_FILTERS, FirstLook
from reinspect.tools.features.fit import FeatureFit, appearance
from reinspect.tools.features.network import FeatureNetwork, open_detail
from reinspect.tools.features.place_fit import PlaceFit
from reinspect.tools.features.pose import PartPose
from reinspect.tools.fits import Fits, PictureFiles, Saved
from reinspect.tools.setup.findings import PreparedPicture, SetupCheck, SetupKind
from reinspect.tools.setup.scene import LearnedScene
from reinspect.vocabulary import Modality, Sample

KEPT = 1
"""Experts kept in memory: batches come category by category."""


class Embedder(Protocol):
    """A model that says what pictures look like."""

    @property
    def key(self) -> str:
        """Of the model: its vectors mean nothing to another."""

    def embedding(self, image: Pixels, /) -> Floats:
        """A vector (n,), near those of pictures that look alike; BGR uint8 (H, W, 3)."""


T = TypeVar("T")
F = TypeVar("F", bound=Saved)


class Expert:
    """What is known of one category. Fits are made at the first use, and immutable from then on.

    What was seen in the newest sample of each thread is remembered: several tools ask for it.

    Args:
        references: of the category.
        cache: folder where fits are kept; without, each is made anew.
        first: by what the first look describes pictures.
    """

    def __init__(
        self, references: ReferenceSet, cache: Path | None, first: FirstLook = BY_FILTERS
    ) -> None:
        self.references = references
        self.first = first
        self._cache = cache
        self._images = PictureFiles.of(references)
        self._fits = Fits(cache, references.key)
        self._making = threading.RLock()
        self._kept: dict[str, Any] = {}
        self._newest = threading.local()

    @property
    def compares(self) -> bool:
        """Whether there are references to compare with."""
        return self.references.mode is ReferenceMode.GOLDEN

    def look(self, sample: Sample) -> Look:
        """The first look: by a network's features where there is one, else by the filters.

        At the template of a part that has one, whatever describes others; by the filters where
        there is no set of references.

        Raises:
            UnreadableImage: the sample or a reference can't be read.
        """
        templated = self._templated(sample)
        if templated is not None:
            return templated
        network = self.first.network
        if network is None or not self.compares or self._is_alone(sample):
            return self.filtered(sample)
        seen = self.featured(sample, network, pose=self.first.pose)
        anomalous = seen.probability >= 0.5
        if not anomalous or self.setup(sample).stops(anomalous=True):  # nobody asks for places then
            return seen
        return replace(seen, boxes=self._placed(sample, seen))

    def filtered(self, sample: Sample) -> Look:
        """The look of the learned filters.

        Raises:
            UnreadableImage: the sample or a reference can't be read.
        """
        if self._is_alone(sample):
            return self._remembered(sample, "alone", lambda: look_alone(read_view(sample.visual)))
        fit = self._folder if self.references.mode is ReferenceMode.FOLDER else self.filters
        return self._remembered(
            sample,
            "filters",
            lambda: fit.look(read_view(sample.visual), excluding=self._index(sample)),
        )

    def featured(
        self,
        sample: Sample,
        network: FeatureNetwork,
        *,
        side: float | None = None,
        pose: PartPose = PartPose.AUTO,
    ) -> Look:
        """The look of any network's features at any working side; see ``FeatureFit``.

        Raises:
            UnreadableImage: the sample or a reference can't be read.
            ValueError: there are no references.
        """
        fit = self.features_of(network, side=side, pose=pose)
        grid = self._grid(sample, network, fit.side)
        return self._remembered(
            sample,
            f"look {fit.key} {fit.side} {pose}",
            lambda: fit.look(read_view(sample.visual), network, grid=grid),
        )

    def features_of(
        self,
        network: FeatureNetwork,
        *,
        side: float | None = None,
        pose: PartPose = PartPose.AUTO,
    ) -> FeatureFit:
        """What a network's features of the references gave, with a threshold learned for them."""
        side = side or network.side
        fit = self._once(
            f"{network.key}-{side:g}-{pose}",
            FeatureFit.load,
            lambda: FeatureFit.from_references(
                self._images, network, side=side, pose=pose, groups=self._images.groups
            ),
        )
        learned = self.references.threshold
        if learned is None or (learned.network, learned.side) != (fit.key, fit.side):
            return fit
        return fit.moved(learned.threshold)

    def setup(self, sample: Sample) -> SetupCheck:
        """Whether the sample's picture is of the scene that the references show.

        Nothing is amiss where no network looks first, or there are no references to ask by.
        """
        prepared = self._prepared(sample)
        return prepared.check if prepared else SetupCheck()

    def _prepared(self, sample: Sample) -> PreparedPicture | None:
        """The sample's picture as it is to be judged, laid over the references where that helps."""
        network = self.first.network
        if network is None or self.references.is_heard or not self.has_witnesses(sample):
            return None  # a recording has no camera that could be moved, no light
        return self._remembered(sample, "prepared", lambda: self._prepare(sample, network))

    def _prepare(self, sample: Sample, network: FeatureNetwork) -> PreparedPicture:
        scene = self.scene_of(network)
        prepared = scene.prepare(read_view(sample.visual), network.describe)
        if self.references.modality is Modality.VISUAL:
            return prepared
        # What is hotter, or farther away, is what is measured, and no other light.
        return replace(prepared, check=prepared.check.without(SetupKind.EXPOSURE))

    def scene_of(self, network: FeatureNetwork) -> LearnedScene:
        """The scene that the references show, by a network's features."""
        return self._once(
            f"scene-{network.key}",
            LearnedScene.load,
            lambda: LearnedScene.learn(self._images, [*map(network.describe, self._images)]),
        )

    def _grid(self, sample: Sample, network: FeatureNetwork, side: float) -> Floats:
        """A network's features of the sample, computed once: (rows, columns, features)."""
        prepared = self._prepared(sample)
        if prepared is None:
            image = read_view(sample.visual)
        elif network is self.first.network and side == network.side:
            return prepared.grid
        else:
            image = prepared.image
        return self._remembered(
            sample, f"grid {network.key} {side}", lambda: network.describe(image, side=side)
        )

    def fine(self, sample: Sample) -> Witness | None:
        """The hi-res witness; none where there is nothing to calibrate it by."""
        if not self.has_witnesses(sample):
            return None
        hi_res, page = self._second.hi_res, self._page(sample)
        return self._remembered(
            sample, "fine", lambda: hi_res.look(read_view(sample.visual), excluding=page)
        )

    def abreast(self, sample: Sample, alike: Embedder | None = None) -> tuple[Aligned, ...]:
        """The references that look most like the sample, laid over it, the best fitting first.

        Args:
            sample: the part.
            alike: what says which look like it; the first look's features without.
        """
        if not self.has_witnesses(sample):
            return ()
        references, page = self._alike(alike), self._page(sample)
        own = None if alike else self.look(sample).appearance
        return self._remembered(
            sample,
            f"abreast {alike.key if alike else ''}",
            lambda: references.lay_over(read_view(sample.visual), own=own, excluding=page),
        )

    def good_part(self, sample: Sample) -> GoodPart | None:
        """The reference that fits best, from its own file; none where there is none."""
        return next(iter(self.good_parts(sample, 1)), None)

    def good_parts(self, sample: Sample, count: int) -> tuple[GoodPart, ...]:
        """The references that fit best, each from its own file; fewer where fewer are compared.

        Of a part with a template that one alone.
        """
        if self._templated(sample) is not None:
            return (self._remembered(sample, "template's part", lambda: self._template(sample)),)
        others = self.abreast(sample)[:count]
        return tuple(
            self._remembered(
                sample,
                f"good part {other.index}",
                functools.partial(self._whole, sample, other.index),
            )
            for other in others
        )

    def _template(self, sample: Sample) -> GoodPart:
        image = read_view(sample.visual)
        place = self.templates.template_of(image, excluding=self._index(sample))
        whole = self._images[place or 0]
        moved = second_look.laid_over(image, whole)
        return GoodPart(whole if moved is None else moved, laid_over=moved is not None)

    def _whole(self, sample: Sample, page: int) -> GoodPart:
        whole, moved = self._images[self._album.given(page)], None
        if self._alike(None).comparable:
            moved = second_look.laid_over(read_view(sample.visual), whole)
        return GoodPart(whole if moved is None else moved, laid_over=moved is not None)

    def aligned(self, sample: Sample, alike: Embedder | None = None) -> Witness | None:
        """The witness that compares with aligned references; none where they don't align."""
        if not self.has_witnesses(sample) or not self._alike(alike).comparable:
            return None
        references, page = self._alike(alike), self._page(sample)
        others = self.abreast(sample, alike)
        return self._remembered(
            sample,
            f"aligned {alike.key if alike else ''}",
            lambda: references.look(read_view(sample.visual), others, excluding=page),
        )

    def compared(self, sample: Sample, network: ComparatorNetwork) -> Witness | None:
        """The comparator's witness; none where there is nothing to compare with."""
        if not self.has_witnesses(sample):
            return None
        fit, page = self._comparison(network), self._page(sample)
        return self._remembered(
            sample,
            f"compared {network.pair}",
            lambda: fit.look(read_view(sample.visual), network, excluding=page),
        )

    def located(self, sample: Sample) -> tuple[Box, ...]:
        """The suspicious places, as exact as can be: those of a first look by features.

        Those of one by learned filters are tightened where the witnesses can help.
        """
        first = self.look(sample)
        if not self.has_witnesses(sample):
            return first.boxes
        if self.first.network is not None:
            return self._placed(sample, first)
        witnesses = [w for w in (self.fine(sample), self.aligned(sample)) if w is not None]
        return second_look.locate(read_view(sample.visual), first, self._second, witnesses)

    def _placed(self, sample: Sample, seen: Look) -> tuple[Box, ...]:
        """Where exactly the part is defective that a look by features found odd."""
        try:
            network = open_detail(self._cache)
        except FeaturesError:  # weights are missing: larger boxes, by the colours alone
            network = None
        fit = self._once(
            f"places-{network.key if network else 'colours'}",
            PlaceFit.load,
            lambda: PlaceFit.from_references(self._images, network, groups=self._images.groups),
        )
        prepared, own = self._prepared(sample), self._index(sample)
        image = prepared.image if prepared else read_view(sample.visual)
        boxes = self._remembered(
            sample, "placed", lambda: fit.locate(image, seen.heat_map, network, excluding=own)
        )
        moved = prepared.check.correction if prepared else None
        if moved is None:
            return boxes
        height, width = image.shape[:2]
        return tuple(moved.original(box, width, height) for box in boxes)

    @property
    def filters(self) -> Fit:
        """What the learned filters gave, in the references' order."""
        return self._once(
            "filters",
            Fit.load,
            lambda: Fit.from_references(self._images, groups=self._images.groups),
        )

    @property
    def _folder(self) -> FolderFit:
        return self._once("folder", FolderFit.load, lambda: FolderFit.from_references(self._images))

    @property
    def templates(self) -> TemplateFit:
        """The templates of printed parts, in the references' order."""
        return self._once(
            "templates", TemplateFit.load, lambda: TemplateFit.from_references(self._images)
        )

    @property
    def _album(self) -> Album:
        return self._once("album", Album.load, lambda: Album.collect(self._images, MAX_REFERENCES))

    @property
    def _second(self) -> SecondFit:
        fit = self.filters
        load = functools.partial(SecondFit.load, fit=fit)
        return self._once("second", load, lambda: SecondFit.from_fit(fit))

    def _comparison(self, network: ComparatorNetwork) -> ComparatorFit:
        return self._once(
            f"eye-{network.pair}",
            ComparatorFit.load,
            lambda: ComparatorFit.from_album(self._album, network),
        )

    def _alike(self, alike: Embedder | None) -> Abreast:
        """The references, to be laid over pictures that look like them to an embedder."""
        if alike is None and self.first.network is None:
            return self._second.abreast
        embedder = alike or _Pooled(cast("FeatureNetwork", self.first.network))
        return self._once(
            f"abreast-{embedder.key}",
            functools.partial(Abreast.load, embed=embedder.embedding),
            lambda: Abreast.from_album(self._album, embedder.embedding),
        )

    def _is_alone(self, sample: Sample) -> bool:
        """Whether there is nothing to compare with, but for the very same picture."""
        return self.references.mode is ReferenceMode.ALONE or set(self.references.hashes) == {
            sample.sha256
        }

    def _templated(self, sample: Sample) -> Look | None:
        """The look at the sample's template; none where it has none."""
        if not self.compares or self._is_alone(sample):
            return None
        return self._remembered(
            sample,
            "template",
            lambda: self.templates.look(read_view(sample.visual), excluding=self._index(sample)),
        )

    def has_witnesses(self, sample: Sample) -> bool:
        """Whether there are references that no template stands for, compared to the pixel."""
        return self.compares and not self._is_alone(sample) and self._templated(sample) is None

    def _index(self, sample: Sample) -> int | None:
        return self.references.index(sample.visual.sha256)

    def _page(self, sample: Sample) -> int | None:
        """The page of the album that holds this very image, which must not vouch for itself."""
        index = self._index(sample)
        return None if index is None else self._album.position(index)

    def _remembered(self, sample: Sample, what: str, see: Callable[[], T]) -> T:
        sha256 = sample.visual.sha256
        if getattr(self._newest, "sha256", None) != sha256:
            self._newest.sha256, self._newest.seen = sha256, {}
        seen: dict[str, Any] = self._newest.seen
        if what not in seen:
            seen[what] = see()
        return cast("T", seen[what])

    def _once(self, what: str, load: Callable[[Path], F], make: Callable[[], F]) -> F:
        """A fit, loaded or made at its first use."""
        with self._making:
            if what not in self._kept:
                self._kept[what] = self._fits.made(what, load, make)
            return cast("F", self._kept[what])


class _Pooled:
    """A network of features as an embedder: the mean of its cells."""

    def __init__(self, network: FeatureNetwork) -> None:
        self._network = network
        self.key = network.key

    def embedding(self, image: Pixels, /) -> Floats:
        return appearance(self._network.describe(image))


class Experts:
    """Category → expert.

    Args:
        references: of every category.
        cache: folder where fits are kept.
        first: by what first looks describe pictures.
    """

    def __init__(
        self, references: ReferenceSets, cache: Path | None, first: FirstLook = BY_FILTERS
    ) -> None:
        self._references = references
        self._cache = cache
        self.first = first
        self._kept: OrderedDict[str, Expert] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, sample: Sample) -> Expert:
        """The expert that judges a sample."""
        references = self._references.of(sample.category)
        with self._lock:
            expert = self._kept.pop(references.key, None)
            if expert is None:
                expert = Expert(references, self._cache, self.first)
            self._kept[references.key] = expert
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return expert

    def good_part(self, sample: Sample) -> GoodPart | None:
        """The reference to show beside the sample; none where there is none."""
        return self.of(sample).good_part(sample)

    def good_parts(self, sample: Sample, count: int) -> tuple[GoodPart, ...]:
        """The references to show beside the sample, the best one first."""
        return self.of(sample).good_parts(sample, count)

    def heat_picture(self, sample: Sample) -> Pixels:
        """The sample with the first look's anomaly map laid over it."""
        heat = self.of(sample).look(sample).heat_map
        return heat_map_picture(read_view(sample.visual), heat, low=COOL, high=HOT)
