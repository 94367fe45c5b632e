"""Commissioning: the strangest parts are asked about first, and the answers learned from.

Parts that a person calls good join the references; with defective ones they move the threshold.
Nothing is learned from a part without an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy.optimize import minimize_scalar

from reinspect.errors import ReinspectError
from reinspect.images import Pixels, UnreadableImage, read_image, scale_of
from reinspect.qualification.answers import Answered, PartAnswer
from reinspect.references import digest_of_pixels
from reinspect.tools.embedded.features import Floats
from reinspect.tools.embedded.scoring import Box, find_boxes
from reinspect.tools.features.calibration import THRESHOLD
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import FeatureNetwork
from reinspect.tools.features.pose import PartPose
from reinspect.tools.fits import PictureFiles
from reinspect.vocabulary import Probability, Value

CANDIDATES = 256
"""Parts that may be asked about: of more, those that are strangest at first."""

_SLOPE = 1.3  # log-odds per z, as of probabilities by many references
_PSEUDO = 4.0  # answers that the usual threshold is worth
_LOWEST, _HIGHEST = 0.0, 6.0  # z, between which a threshold may be moved
_HARDLY = 0.02  # share of the candidates' labels


class CommissioningError(ReinspectError, ValueError):
    """There is nothing to ask about, or nothing to compare with."""


class PartQuestion(Value):
    """A part to ask about."""

    sha256: str
    path: str
    probability: Probability
    """P(defective), as known so far."""
    where: tuple[float, float, float, float] | None
    """Of the strangest place: x1, y1, x2, y2 in [0, 1]; none where no place stands out."""


class RoundGain(Value):
    """What one round of answers has brought."""

    round: int
    answers: int = Field(description="In all, up to this round.")
    good: int
    defective: int
    expected: int = Field(description="Of this round's answers, those that were foreseen.")
    settled: int = Field(description="Of this round's answers, good or defective.")
    right_at_first: int = Field(description="Of all answered, by the references alone.")
    right: int = Field(description="Of all answered, now; good ones left out of the comparison.")
    changed: int = Field(description="Labels of unasked parts that the round has changed.")
    unasked: int
    threshold: float

    @property
    def hardly_helps(self) -> bool:
        """Whether answers were foreseen, and left the labels of other parts as they were."""
        foreseen = self.expected >= self.settled
        return foreseen and self.changed <= max(1, _HARDLY * self.unasked)

    @property
    def sentence(self) -> str:
        """In words."""
        return (
            f"round {self.round}: {self.expected} of {self.settled} answers foreseen; of all "
            f"{self.good + self.defective} right {self.right_at_first} → {self.right}; "
            f"{self.changed} of {self.unasked} other labels changed"
        )


def moved_threshold(good: Sequence[float], defective: Sequence[float]) -> float:
    """The usual threshold, moved by what is known: a smooth blend, by one logistic on z.

    Both kinds weigh alike, by the rarer: without any defective part nothing moves. The usual one
    counts as some answers that lie right on it.

    Args:
        good: z of parts known to be good, each left out of the comparison.
        defective: z of parts known to be defective.
    """
    if not good or not defective:
        return THRESHOLD
    below, above = np.asarray(good), np.asarray(defective)
    evidence = len(below) * len(above) / (len(below) + len(above))

    def loss(threshold: float) -> float:
        wrong = np.logaddexp(0, _SLOPE * (below - threshold)).mean()
        missed = np.logaddexp(0, _SLOPE * (threshold - above)).mean()
        usual = np.logaddexp(0, _SLOPE * np.array([1, -1]) * (threshold - THRESHOLD)).mean()
        return float(evidence * (wrong + missed) + _PSEUDO * usual)

    return float(minimize_scalar(loss, bounds=(_LOWEST, _HIGHEST), method="bounded").x)


@dataclass(frozen=True, slots=True)
class LearnedParts:
    """What is known after some answers."""

    fit: FeatureFit
    z: Mapping[str, float]
    """Of each part that is no reference, by SHA-256 of its file."""
    good: Mapping[str, float]
    """z of each part that was called good, left out of the comparison."""
    threshold: float

    def calls(self, sha256: str) -> bool:
        """Whether a part that was not called good looks defective."""
        return self.z[sha256] >= self.threshold

    def right(self, standing: Mapping[str, Answered]) -> int:
        """How many answered parts get the label that people gave them."""
        good = sum(z < self.threshold for z in self.good.values())
        bad = [s for s, line in standing.items() if line.answer is PartAnswer.DEFECTIVE]
        return good + sum(self.calls(sha256) for sha256 in bad if sha256 in self.z)


class Commissioning:
    """Parts of one product, described once each.

    Args:
        references: SHA-256 of each good picture's file → its path.
        parts: the same of the parts that may be asked about; references among them are not.
        network: that describes them.
        pose: how parts may lie.
        seen: told with each part that was described.

    Raises:
        CommissioningError: there are no references, or no parts besides them that can be read.
    """

    def __init__(
        self,
        references: Mapping[str, str],
        parts: Mapping[str, str],
        network: FeatureNetwork,
        *,
        pose: PartPose = PartPose.AUTO,
        seen: Callable[[], None] = lambda: None,
    ) -> None:
        if not references:
            raise CommissioningError("there are no references: name some good parts")
        self.references = dict(references)
        self._network = _Described(network)
        self._pose = pose
        self._scale = scale_of(self.references.values())
        self._digests: dict[str, str] = {}  # of the pixels of each part
        self._paths: dict[str, str] = {}
        self._means: dict[str, Floats] = {}  # of each reference, by its path
        self.unreadable: list[str] = []
        self._first = self._fit(self.references.values())
        z: dict[str, float] = {}
        for sha256, path in parts.items():
            if sha256 in references:
                continue
            try:
                self._describe(sha256, path)
            except UnreadableImage as failure:
                self.unreadable.append(str(failure))
                continue
            z[sha256] = self._score(self._first, sha256)
            if len(z) > CANDIDATES:
                least = min(z, key=lambda one: (z[one], one))
                self._network.forget(self._digests[least])
                del z[least], self._digests[least], self._paths[least]
            seen()
        if not z:
            raise CommissioningError("no parts to ask about, besides the references")
        self._at_first = z

    def learn(self, standing: Mapping[str, Answered], files: Mapping[str, str]) -> LearnedParts:
        """Learn from the answers that stand.

        Args:
            standing: by SHA-256 of each picture's file.
            files: the same → where the picture lies, of answered ones at least.
        """
        good = [s for s, line in standing.items() if line.answer is PartAnswer.GOOD]
        good = [s for s in good if s not in self.references and s in files]
        bad = [s for s, line in standing.items() if line.answer is PartAnswer.DEFECTIVE]
        bad = [s for s in bad if s in files]
        for sha256 in (*good, *bad):
            if sha256 not in self._digests:
                self._describe(sha256, files[sha256])
        paths = [*self.references.values(), *(files[sha256] for sha256 in good)]
        fit = self._fit(paths) if good else self._first
        left_out = fit.calibration.left_out()
        places = {digest: place for place, digest in enumerate(fit.pictures)}
        digests = {s: self._digests[s] for s in good}
        known = {s: float(left_out[places[d]]) for s, d in digests.items() if d in places}
        rest = [s for s in self._digests if s not in known]
        z = {sha256: self._score(fit, sha256) for sha256 in rest}
        usual = [float(one) for one in left_out[: len(fit.pictures)]]
        return LearnedParts(fit, z, known, moved_threshold(usual, [z[s] for s in bad]))

    def questions(
        self,
        learned: LearnedParts,
        standing: Mapping[str, Answered],
        count: int,
        among: Mapping[str, object] | None = None,
    ) -> list[PartQuestion]:
        """The strangest parts that have no answer, the strangest first.

        Args:
            learned: what is known.
            standing: answers.
            count: at most.
            among: only these, by SHA-256; by default any.
        """
        open_ = [s for s in self._at_first if s in learned.z and s not in standing]
        if among is not None:
            open_ = [s for s in open_ if s in among]
        chosen = sorted(open_, key=lambda one: (-learned.z[one], one))[:count]
        return [self._question(learned, sha256) for sha256 in chosen]

    def gain(
        self,
        before: LearnedParts,
        after: LearnedParts,
        standing: Mapping[str, Answered],
        number: int,
    ) -> RoundGain:
        """What the answers of one round have brought."""
        own = [line for line in standing.values() if line.round == number]
        bad = {s for s, line in standing.items() if line.answer is PartAnswer.DEFECTIVE}
        good = {s for s, line in standing.items() if line.answer is PartAnswer.GOOD}
        settled = [one for one in own if one.sha256 in bad | good and one.sha256 in before.z]
        unasked = [s for s in after.z if s not in standing and s in before.z]
        first = {
            s: self._score(self._first, s) >= THRESHOLD for s in bad | good if s in self._digests
        }
        return RoundGain(
            round=number,
            answers=len(standing),
            good=len(good),
            defective=len(bad),
            expected=sum(before.calls(one.sha256) == (one.sha256 in bad) for one in settled),
            settled=len(settled),
            right_at_first=sum(called == (sha256 in bad) for sha256, called in first.items()),
            right=after.right(standing),
            changed=sum(before.calls(s) != after.calls(s) for s in unasked),
            unasked=len(unasked),
            threshold=after.threshold,
        )

    def nearest(self, sha256: str) -> str:
        """Path of the reference that a part is most like, by the mean of what describes them."""
        mine = self._mean(self._digests[sha256])
        if not self._means:
            for path in self.references.values():
                image = read_image(path, scale=self._scale)
                self._network.describe(image)
                self._means[path] = self._mean(digest_of_pixels(image))
        distances = {path: float(np.sum((m - mine) ** 2)) for path, m in self._means.items()}
        return min(distances, key=lambda path: (distances[path], path))

    def _mean(self, digest: str) -> Floats:
        known = self._network.known(digest)
        return np.asarray(known.reshape(-1, known.shape[-1]).mean(axis=0))

    def score(self, learned: LearnedParts, image: Pixels) -> float:
        """The z of any other picture, BGR uint8 (H, W, 3)."""
        plane = learned.fit.memory.compare(self._network.describe(image))
        return learned.fit.calibration.z(plane)

    def _fit(self, paths: Iterable[str]) -> FeatureFit:
        files = PictureFiles(list(paths), self._scale)
        return FeatureFit.from_references(files, self._network, pose=self._pose)

    def _describe(self, sha256: str, path: str) -> None:
        image = read_image(path, scale=self._scale)
        self._network.describe(image)
        self._digests[sha256] = digest_of_pixels(image)
        self._paths[sha256] = path

    def _plane(self, fit: FeatureFit, sha256: str) -> tuple[Floats, int | None]:
        digest = self._digests[sha256]
        own = fit.place(digest)
        return fit.compare(self._network.known(digest), excluding=own), own

    def _score(self, fit: FeatureFit, sha256: str) -> float:
        plane, own = self._plane(fit, sha256)
        return fit.z(plane, excluding=own)

    def _question(self, learned: LearnedParts, sha256: str) -> PartQuestion:
        calibration = learned.fit.calibration
        plane, _ = self._plane(learned.fit, sha256)
        found: tuple[Box, ...] = find_boxes(calibration.heat_map(plane), calibration.box_threshold)
        shifted = learned.z[sha256] - learned.threshold + THRESHOLD
        return PartQuestion(
            sha256=sha256,
            path=self._paths[sha256],
            probability=calibration.probability(shifted),
            where=found[0][:4] if found else None,
        )


class _Described:
    """A network that describes each picture once: a `FeatureNetwork`."""

    def __init__(self, network: FeatureNetwork) -> None:
        self._network = network
        self.key, self.channels, self.side = network.key, network.channels, network.side
        self._kept: dict[tuple[str, float], Floats] = {}

    def describe(self, image: Pixels, *, side: float | None = None) -> Floats:
        key = (digest_of_pixels(image), side or self.side)
        if key not in self._kept:
            self._kept[key] = self._network.describe(image, side=side)
        return self._kept[key]

    def known(self, digest: str) -> Floats:
        return self._kept[digest, self.side]

    def forget(self, digest: str) -> None:
        self._kept.pop((digest, self.side), None)
