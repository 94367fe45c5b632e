"""What an inspection makes of a picture at hand, first look and second, a reference left out."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.agents.detector import EmbeddedDetector
from reinspect.errors import ReinspectError
from reinspect.graph.build import BuildContext
from reinspect.graph.components import ComponentSpec
from reinspect.graph.recipe import Recipe, RecipeError
from reinspect.images import Pixels
from reinspect.policies import rules
from reinspect.policies.revision import on_its_side
from reinspect.policies.triggers import Always, Below, Doubt, Never
from reinspect.qualification.detection import extent_of
from reinspect.qualification.looks import PartLook
from reinspect.references import ReferenceSet, ReferenceSets
from reinspect.tools.embedded.features import Floats
from reinspect.tools.embedded.look import Look
from reinspect.tools.expert import Expert, Experts
from reinspect.tools.features.cells import FeaturesError
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import FeatureNetwork
from reinspect.tools.features.sources import FILTERS
from reinspect.tools.network import NetworkLook
from reinspect.tools.setup.findings import SetupCheck, SetupFinding
from reinspect.vocabulary import Label

_COMPARING = ("hi_res", "eye", "reference")  # tools whose say is not rehearsed
_TRIGGERS = tuple(each.about.name for each in (Doubt, Always, Never, Below))


class QualificationError(ReinspectError, ValueError):
    """A qualification can't be made; the message is one line: what, why, what to do."""


class Opinion(NamedTuple):
    """What an inspection makes of one picture."""

    z: float
    """Of the first look: deviations above the references."""
    first: float
    """P(anomalous) by the first look."""
    second: float | None
    """P(anomalous) by the second look alone; None where it was not taken."""
    final: float
    """P(anomalous) in the end."""
    check: SetupCheck
    """Of the picture's set-up."""
    grid: Floats | None
    """The first network's features (rows, columns, features); None without one."""

    @classmethod
    def of_first(cls, look: Look) -> "Opinion":
        """What the first look alone says."""
        return cls(look.z, look.probability, None, look.probability, SetupCheck(), None)

    @property
    def held_back(self) -> tuple[SetupFinding, ...]:
        """Why the picture is not judged, as an inspection decides it; empty: it is."""
        return self.check.stopping(anomalous=self.first >= 0.5)

    def as_look(
        self,
        part: str,
        kind: str | None = None,
        *,
        mask: npt.NDArray[np.bool_] | None = None,
        varied: bool = False,
    ) -> PartLook:
        """The same of a part whose truth is known.

        Args:
            part: its name.
            kind: of its damage; none for a good part.
            mask: of the damage, (H, W).
            varied: whether the picture was moved, turned, lit otherwise.
        """
        size, area = (None, None) if mask is None else extent_of(mask)
        return PartLook(
            part=part,
            kind=kind,
            varied=varied,
            size=size,
            area=area,
            z=self.z,
            first=self.first,
            second=self.second,
            final=self.final,
            setup=self.check.reason if self.held_back else "",
        )


class RehearsalJudge:
    """The looks of a recipe, at pixels instead of samples. Safe to share between threads.

    The embedded detector's first look and the second look by another network, as hand-set rules
    put them together; `unheard` names what else the recipe has.

    Args:
        recipe: of the inspection.
        references: of one product, at least two.
        cache: folder for fits; without, they are made anew.
        weights: folder of weights that have a name.

    Raises:
        QualificationError: another detector than the embedded one can't be rehearsed.
        RecipeError: the features that the recipe names can't be had here.
    """

    def __init__(
        self, recipe: Recipe, references: ReferenceSet, cache: Path | None, weights: Path | None
    ) -> None:
        kind = recipe.detector.kind
        if kind != EmbeddedDetector.about.name:
            raise QualificationError(
                f"detector {kind!r}: only the embedded one can be rehearsed; bring its verdicts as "
                "trials, see docs/qualification.md"
            )
        context = BuildContext(
            recipe=recipe, references=ReferenceSets(references), cache=cache, weights=weights
        )
        experts: Experts = context.experts
        self._expert = Expert(references, cache, experts.first)
        self._first = experts.first
        self._recipe = recipe
        self.notes: list[str] = [experts.first.notice] if experts.first.notice else []
        self._second, self._side = self._second_network(cache, weights)
        self._wants = _trigger(recipe, by_network=experts.first.network is not None)
        self._keeps = recipe.policies.revision.kind == "keep"
        self.unheard = tuple(self._unheard())

    @property
    def networks(self) -> tuple[str, ...]:
        """Keys of what looks, the first look's first."""
        first = self._first.network.key if self._first.network else FILTERS
        return (first, self._second.key) if self._second else (first,)

    @property
    def network(self) -> FeatureNetwork | None:
        """The first look's; None for the learned filters."""
        return self._first.network

    @property
    def fit(self) -> FeatureFit | None:
        """The first look's fit by a network; None for filters, and for parts with a template."""
        if self._first.network is None or self._expert.templates.templates is not None:
            return None
        return self._expert.features_of(self._first.network, pose=self._first.pose)

    @property
    def threshold(self) -> float:
        """P(anomalous) from which a part is called anomalous."""
        return 0.5

    def prepare(self) -> None:
        """Make the fits, which may take seconds."""
        if self._expert.templates.templates is not None:
            return
        if self._first.network is None:
            _ = self._expert.filters
            return
        self._expert.features_of(self._first.network, pose=self._first.pose)
        self._expert.scene_of(self._first.network)
        if self._second is not None:
            self._second_fit(self._second)

    def __call__(self, image: Pixels, owner: int | None, digest: str | None = None) -> Opinion:
        """Judge a picture.

        Args:
            image: BGR uint8 (H, W, 3).
            owner: place, in the set of references, of the one that it was made from; None for
                another part.
            digest: of that reference's pixels.
        """
        templated = self._expert.templates.look(image, excluding=owner)
        if templated is not None:
            return Opinion.of_first(templated)
        network = self._first.network
        if network is None:
            return Opinion.of_first(self._expert.filters.look(image, excluding=owner))
        fit = self._expert.features_of(network, pose=self._first.pose)
        prepared = self._expert.scene_of(network).prepare(image, network.describe)
        seen = fit.look(image, network, grid=prepared.grid, excluding=fit.place(digest))
        opinion = Opinion.of_first(seen)._replace(check=prepared.check, grid=prepared.grid)
        if self._second is None or opinion.held_back or not self._wants(opinion.first):
            return opinion
        return self._seen_again(prepared.image, opinion, digest, self._second)

    def _seen_again(
        self, image: Pixels, opinion: Opinion, digest: str | None, network: FeatureNetwork
    ) -> Opinion:
        fit = self._second_fit(network)
        second = fit.look(image, network, excluding=fit.place(digest)).probability
        first, heard = opinion.first, {rules.NETWORK: second}
        final = rules.fuse(first, heard)
        same = (final >= 0.5) is (first >= 0.5)
        if self._keeps or not (same or rules.flip_allowed(first, final, heard)):
            final = on_its_side(final, Label.of(first >= 0.5))
        return opinion._replace(second=second, final=final)

    def _second_fit(self, network: FeatureNetwork) -> FeatureFit:
        return self._expert.features_of(network, side=self._side, pose=self._first.pose)

    def _second_network(
        self, cache: Path | None, weights: Path | None
    ) -> tuple[FeatureNetwork | None, float | None]:
        """What the recipe's second look sees by; none where it has no such tool, or never looks."""
        spec = _named(self._recipe, NetworkLook.about.name)
        if spec is None or not self._recipe.budgets.rounds:
            return None, None
        options = NetworkLook.Options.model_validate({"name": spec.kind, **spec.own_options})
        try:
            network = options.opened(cache, weights)
        except (FeaturesError, ValueError) as failure:
            raise RecipeError(f"tools: {failure}") from failure
        if isinstance(network, str):
            self.notes.append(f"no second network: {network}")
            return None, None
        return network, options.side

    def _unheard(self) -> list[str]:
        """What the recipe has that has no say here."""
        recipe = self._recipe
        heard = self._second is not None
        found = [f"tool {spec.kind}" for spec in recipe.tools if spec.kind in _COMPARING]
        found = [] if heard or not recipe.budgets.rounds else found
        if recipe.policies.trigger is not None and recipe.policies.trigger.kind not in _TRIGGERS:
            found.append(f"trigger {recipe.policies.trigger.kind}")
        if recipe.detector.options.get("eye"):
            found.append("the eye in the first look")
        if recipe.monitor.kind != "embedded":
            found.append(f"monitor {recipe.monitor.kind}")
        return found


def _named(recipe: Recipe, kind: str) -> ComponentSpec | None:
    return next((spec for spec in recipe.tools if spec.kind == kind), None)


def _trigger(recipe: Recipe, *, by_network: bool) -> Callable[[float], bool]:
    """Whether the first look's P(anomalous) calls for a second one, by the recipe's trigger."""
    spec = recipe.policies.trigger
    kind = spec.kind if spec is not None else ""
    if kind == Always.about.name:
        return lambda _: True
    if kind == Never.about.name:
        return lambda _: False
    if spec is not None and kind == Below.about.name:
        border = float(spec.option("reliability"))
        return lambda first: rules.reliability(first) < border
    return lambda first: rules.wants_second_look(rules.reliability(first), by_network=by_network)
