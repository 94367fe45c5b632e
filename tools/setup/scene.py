"""The scene that was learned from the references, and whether a picture is of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from reinspect.references import evenly_spaced
from reinspect.tools.embedded import archive, near_copies
from reinspect.tools.embedded.features import Floats, Pixels, check_image
from reinspect.tools.setup import light, place, references
from reinspect.tools.setup.findings import (
    Correction,
    PreparedPicture,
    SetupCheck,
    SetupFinding,
    SetupKind,
)
from reinspect.tools.setup.limits import spread
from reinspect.tools.setup.place import Pose
from reinspect.tools.setup.product import Product
from reinspect.tools.setup.references import ReferenceNote

_PLACED = 40  # references that are laid over each other: more add nothing
_FAR = 3.4  # deviations: what differs more is found
_EACH = 1.85  # deviations, of two measures that must both be strange
_OFF = 2.2  # deviations: a place or an angle that differs more is corrected
_SHIFT = 0.06  # of the square root of the area: what is moved no farther can be corrected
_HUMBLE = 2.0  # by how many references what is moved is held to be usual
_TURN = 6.0  # degrees, likewise
_STRETCH = 0.08  # log of size, likewise
_RIGID = 0.8  # correlation that parts have with each other where they have a place
_KNOWN = 0.6  # correlation with which a part is recognised, damaged as it may be
_GRAINED = 0.5  # share of structure that has one direction where textures have an angle
_BETTER = 0.02  # correlation that another size must add
_OTHER = 0.15  # correlation that another angle or a mirror must add
_STRANGE = 0.9  # spreads of a feature: what is nearer on the whole is no other product
_STRANGE_ALONE = 1.0  # likewise, where one reference doesn't show how much they vary
_UNLIKE = 0.55  # log of the distance at the likest places: what is nearer is no other product

# What is measured, and the spread that each is taken to have before a reference is seen.
_PRIORS = {
    "aspect": 0.015,
    "crisp": 0.08,
    "noise": 0.25,
    "gain": 0.08,
    "green_red": 2.8,
    "blue_yellow": 2.8,
    "grain": 2.0,
    "right": 0.003,
    "down": 0.003,
    "angle": 0.3,
    "stretch": 0.01,
    "correlation": 0.02,
    "whole": 0.15,
    "near": 0.1,
}
_KIND = "reinspect scene"
_COLUMN = {name: column for column, name in enumerate(_PRIORS)}


@dataclass(frozen=True, slots=True)
class LearnedScene:
    """What the references show of the set-up. Immutable; safe to share between threads.

    Each reading's limits come from the references, each left out of what it is compared with, and
    from a prior, which counts the more the fewer there are. So what they show is allowed: where
    they lie at any place and angle, neither is asked about.
    """

    aspect: float
    """Width by height, the median."""
    lights: Floats
    """(5, 64) mean of ``light.read``."""
    direction: complex
    """Mean of ``place.grain``."""
    template: Floats
    """Thumbnail of the mean reference."""
    usual: NDArray[np.float64]
    """(k, readings) of each reference, left out; (0, readings) of one."""
    sample: Pixels
    """A small picture of the reference that the template lies like."""
    looks: NDArray[np.uint8]
    """(given, n) small pictures of the references, by ``near_copies.look``."""
    kept: NDArray[np.int32]
    """(k,) which of the given references count: of near-copies the first."""
    product: Product | None
    """None where no features were given."""

    @classmethod
    def learn(cls, images: Sequence[Pixels], grids: Sequence[Floats] | None = None) -> LearnedScene:
        """Learn from the references.

        Near-copies count once (see ``kept``): they make a set-up look steadier than it is.

        Args:
            images: good images, BGR uint8 (H, W, 3), of any sizes, read one after the other.
            grids: a network's features (rows, columns, features) of each.

        Raises:
            ValueError: without images, or if one is not a BGR uint8 image.
        """
        if not len(images):
            raise ValueError("a set-up needs at least one reference image, got none")
        every = [_Seen.of(check_image(image)) for image in images]
        looks = np.stack([one.look for one in every])
        kept = near_copies.distinct(looks)
        seen = [every[index] for index in kept]
        aspect = float(np.median([one.aspect for one in seen]))
        lights = np.stack([one.lights for one in seen])
        grains = np.array([one.grain for one in seen])
        own = [grids[index] for index in kept] if grids is not None else None
        product = Product.learn(own) if own is not None else None
        usual = np.full((len(seen) if len(seen) > 1 else 0, len(_PRIORS)), np.nan)
        for index in range(len(usual)):
            others = np.delete(np.arange(len(seen)), index)
            usual[index, :7] = [
                np.log(seen[index].aspect / aspect),
                *light.compare(lights[index], lights[others].mean(axis=0)),
                _turned(grains[index], grains[others].mean()),
            ]
            if product is not None and own is not None:
                strange = product.strangeness(own[index], excluding=index)
                usual[index, _COLUMN["whole"] :] = np.log(np.maximum(strange, 1e-6))
        size = place.thumbnail_size(aspect)
        placed = evenly_spaced(len(seen), _PLACED)
        laid = place.Overlay.of([place.resize(seen[it].thumbnail, size) for it in placed])
        for index, pose in zip(placed, laid.left_out(), strict=False):  # none of a single one
            usual[index, 7:12] = [*pose.shift, pose.angle, pose.stretch, pose.correlation]
        return cls(
            aspect=aspect,
            lights=lights.mean(axis=0),
            direction=complex(grains.mean()),
            template=laid.mean,
            usual=usual,
            sample=light.at_side(images[kept[placed[laid.central]]], light.SIDE),
            looks=looks,
            kept=np.array(kept, np.int32),
            product=product,
        )

    @property
    def rigid(self) -> bool:
        """Whether the references can be laid over each other: they have places and angles."""
        values = self._values("correlation")
        return len(values) > 0 and float(np.median(values)) >= _RIGID

    def check(self, image: Pixels) -> SetupCheck:
        """Look at a picture before it is described.

        Where the check has a correction, ``corrected`` is the picture to describe and judge, and
        its boxes go back by ``correction.original``. ``recognise`` then asks whether it is the
        product; ``prepare`` does all of it.

        Raises:
            ValueError: if it is not a BGR uint8 image (H, W, 3).
        """
        seen = _Seen.of(check_image(image))
        findings = self._lit(seen)
        correction = None
        shape = self._shaped(seen)
        if shape is not None:
            findings.append(shape)
        else:
            found, correction = self._placed(seen) if self.rigid else self._grained(seen)
            findings += found
        return _in_order(findings, correction)

    def corrected(self, image: Pixels, check: SetupCheck) -> Pixels:
        """The picture laid over the references, or itself where that isn't called for.

        What lay outside of the picture is shown as in a reference.
        """
        return check.correction.apply(image, self.sample) if check.correction else image

    def prepare(self, image: Pixels, describe: Callable[[Pixels], Floats]) -> PreparedPicture:
        """Check a picture, correct it where that helps, and describe it.

        It helps where most places of the corrected picture are more like the references' than
        most of the picture as it is: features that bear a shift need no correction.

        Args:
            image: BGR uint8 (H, W, 3).
            describe: a network's features (rows, columns, features), as of the references.

        Raises:
            ValueError: if it is not a BGR uint8 image (H, W, 3).
        """
        check = self.check(image)
        grid = describe(image)
        if check.correction is not None:
            seen = self.corrected(image, check)
            other = describe(seen)
            if self.product is None or (
                self.product.unlikeness(other) < self.product.unlikeness(grid)
            ):
                image, grid = seen, other
            else:
                check = SetupCheck()
        return PreparedPicture(self.recognise(check, grid), image, grid)

    def recognise(self, check: SetupCheck, grid: Floats) -> SetupCheck:
        """Add to a check whether the picture, corrected where it must be, shows the product.

        Args:
            check: of the same picture.
            grid: its features, by the network that described the references.
        """
        if self.product is None:
            return check
        if self.rigid and any(finding.kind in _OTHERWISE for finding in check.findings):
            return check  # the part itself was recognised, turned or mirrored
        whole, near = np.log(np.maximum(self.product.strangeness(grid), 1e-6))
        least = np.log(_STRANGE if len(self.usual) else _STRANGE_ALONE)
        limit = max(self._centre("whole", -np.inf) + self._width("whole", _EACH), least)
        widest = self._centre("near", -np.inf) + max(self._width("near", _EACH), _UNLIKE)
        if whole <= limit or near <= widest:
            return check
        finding = SetupFinding(
            SetupKind.PRODUCT, float(np.exp(whole)), float(np.exp(limit)), "not this product"
        )
        return _in_order([*check.findings, finding], check.correction)

    def references_report(self, scores: Sequence[float] | None = None) -> tuple[ReferenceNote, ...]:
        """What is to be known of the references before they are trusted.

        Args:
            scores: the z of each given one where it is left out, if known: names one that is
                defective.
        """
        wholes = self.product.wholes if self.product is not None else None
        return references.notes(self.looks, self.kept.tolist(), wholes, scores)

    def _shaped(self, seen: _Seen) -> SetupFinding | None:
        off = float(np.log(seen.aspect / self.aspect))
        limit = self._width("aspect")
        centre = self._centre("aspect")
        if abs(off - centre) <= limit:
            return None
        swapped = float(np.log(1 / seen.aspect / self.aspect))
        if abs(swapped - centre) <= limit and self._lies_on_its_side(seen):
            return SetupFinding(SetupKind.ANGLE, 90.0, _TURN, "turned by 90°")
        words = f"another shape ({_ratio(seen.aspect)} instead of {_ratio(self.aspect)})"
        return SetupFinding(SetupKind.SHAPE, abs(off), limit, words)

    def _lies_on_its_side(self, seen: _Seen) -> bool:
        """Whether a picture as wide as others are high is one of those; believed of textures."""
        if not self.rigid:
            return True
        size = self.template.shape[::-1]
        return any(
            place.lay(self.template, place.resize(turned, size)).correlation >= _KNOWN
            for turned in (np.ascontiguousarray(np.rot90(seen.thumbnail, way)) for way in (1, 3))
        )

    def _lit(self, seen: _Seen) -> list[SetupFinding]:
        crisp, noise, gain, green_red, blue_yellow = map(
            float, light.compare(seen.lights, self.lights)
        )
        found = []
        blurred = self._centre("crisp") - crisp
        if blurred > self._width("crisp"):
            words = "blurred" if seen.large else "too small a picture to be sharp"
            found.append(SetupFinding(SetupKind.BLUR, blurred, self._width("crisp"), words))
        noisy = noise - self._centre("noise")
        if noisy > self._width("noise"):
            found.append(SetupFinding(SetupKind.NOISE, noisy, self._width("noise"), "noisy"))
        brighter = gain - self._centre("gain")
        if abs(brighter) > self._width("gain"):
            words = f"too {'bright' if brighter > 0 else 'dark'} ({np.exp(brighter):.2g} times)"
            found.append(
                SetupFinding(SetupKind.EXPOSURE, abs(brighter), self._width("gain"), words)
            )
        tints = {"green_red": green_red, "blue_yellow": blue_yellow}
        name = max(tints, key=lambda it: abs(tints[it] - self._centre(it)) / self._width(it))
        tint = abs(tints[name] - self._centre(name))
        if tint > self._width(name):
            found.append(
                SetupFinding(SetupKind.COLOUR, tint, self._width(name), "another colour of light")
            )
        return found

    def _placed(self, seen: _Seen) -> tuple[list[SetupFinding], Correction | None]:
        """Of rigid parts: what can't be put right, else what puts it right."""
        height, width = self.template.shape
        picture = place.resize(seen.thumbnail, (width, height))
        least = self._centre("correlation") - self._width("correlation")
        pose = place.lay(self.template, picture)
        if pose.correlation < least:
            scaled = place.lay_scaled(self.template, picture, pose)
            if scaled.correlation >= pose.correlation + _BETTER:
                pose = scaled
        if pose.correlation < least:
            otherwise = self._otherwise(picture, max(_KNOWN, pose.correlation + _OTHER))
            if otherwise or pose.correlation < _KNOWN:
                return otherwise, None
        found = []
        values = {"right": pose.shift[0], "down": pose.shift[1]}
        moved = max(abs(values[it] - self._centre(it)) for it in values)
        limit = max(_SHIFT, *map(self._width, values)) * (1 + _HUMBLE / len(self.usual))
        if moved > limit:
            words = f"moved by {moved:.0%} of the picture"
            found.append(SetupFinding(SetupKind.PLACE, moved, limit, words))
        turned, limit = self._off("angle", pose.angle), max(_TURN, self._width("angle"))
        if turned > limit:
            found.append(SetupFinding(SetupKind.ANGLE, turned, limit, f"turned by {turned:.0f}°"))
        larger, limit = self._off("stretch", pose.stretch), max(_STRETCH, self._width("stretch"))
        if larger > limit:
            words = f"{np.exp(pose.stretch):.2f} times as large"
            found.append(SetupFinding(SetupKind.SCALE, larger, limit, words))
        if found:
            return found, None
        is_turned = turned > self._width("angle", _OFF) or larger > self._width("stretch", _OFF)
        is_moved = any(self._off(it, values[it]) > self._width(it, _OFF) for it in values)
        if not (is_turned or is_moved):
            return [], None
        return [], seen.correction(pose, self.template, whole=not is_turned)

    def _otherwise(self, picture: Floats, least: float) -> list[SetupFinding]:
        """A picture that can't be laid over the template: at another angle, or mirrored."""
        turned = place.search(self.template, picture)
        mirrored = place.search(self.template, np.ascontiguousarray(picture[:, ::-1]))
        best = max(turned, mirrored, key=lambda pose: pose.correlation)
        if best.correlation < least:
            return []
        if best is mirrored:
            return [SetupFinding(SetupKind.MIRRORED, 1.0, 0.0, "mirrored")]
        angle = abs(best.angle)
        limit = max(_TURN, self._width("angle"))
        if angle <= limit:
            return []
        return [SetupFinding(SetupKind.ANGLE, angle, limit, f"turned by {angle:.0f}°")]

    def _grained(self, seen: _Seen) -> tuple[list[SetupFinding], Correction | None]:
        """Of textures with a direction."""
        if abs(self.direction) < _GRAINED or not len(self.usual):
            return [], None
        turned = _turned(seen.grain, self.direction)
        off, limit = self._off("grain", turned), max(_TURN, self._width("grain"))
        if off > limit:
            return [SetupFinding(SetupKind.ANGLE, off, limit, f"turned by {off:.0f}°")], None
        if off <= self._width("grain", _OFF):
            return [], None
        turn = np.radians(turned)
        size = place.thumbnail_size(self.aspect)
        middle = (np.array(size) - 1) / 2
        warp = np.zeros((2, 3))
        warp[:, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        warp[:, 2] = middle - warp[:, :2] @ middle
        pose = place.pose(warp, 0.0, self.template)
        return [], seen.correction(pose, self.template, whole=False)

    def _values(self, name: str) -> NDArray[np.float64]:
        values = self.usual[:, _COLUMN[name]]
        return values[np.isfinite(values)]

    def _centre(self, name: str, otherwise: float = 0.0) -> float:
        values = self._values(name)
        return float(values.mean()) if len(values) else otherwise

    def _width(self, name: str, deviations: float = _FAR) -> float:
        return deviations * spread(self._values(name), _PRIORS[name])

    def _off(self, name: str, value: float) -> float:
        return abs(value - self._centre(name))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to one file."""
        archive.write(path, _KIND, self.arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LearnedScene:
        """Read what ``save`` wrote.

        Raises:
            ValueError: if the file holds no scene, or one of another version.
        """
        return cls.from_arrays(archive.read(path, _KIND))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        return {
            "aspect": np.array(self.aspect),
            "lights": self.lights,
            "direction": np.array(self.direction),
            "template": self.template,
            "usual": self.usual,
            "sample": self.sample,
            "looks": self.looks,
            "kept": self.kept,
            **(self.product.arrays() if self.product else {}),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> LearnedScene:
        """Rebuild a scene from ``arrays()``."""
        return cls(
            aspect=float(arrays["aspect"]),
            lights=np.asarray(arrays["lights"], np.float32),
            direction=complex(arrays["direction"]),
            template=np.asarray(arrays["template"], np.float32),
            usual=np.asarray(arrays["usual"], np.float64),
            sample=np.asarray(arrays["sample"], np.uint8),
            looks=np.asarray(arrays["looks"], np.uint8),
            kept=np.asarray(arrays["kept"], np.int32),
            product=Product.from_arrays(arrays) if "entries" in arrays else None,
        )


_OTHERWISE = {SetupKind.ANGLE, SetupKind.MIRRORED}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is read off one picture."""

    width: int
    height: int
    lights: Floats
    grain: complex
    thumbnail: Floats
    look: NDArray[np.uint8]

    @classmethod
    def of(cls, image: Pixels) -> _Seen:
        height, width = image.shape[:2]
        small = light.at_side(image, light.SIDE)
        thumbnail = place.thumbnail(small, place.thumbnail_size(width / height))
        return cls(
            width, height, light.read(small), place.grain(small), thumbnail, near_copies.look(small)
        )

    @property
    def aspect(self) -> float:
        return self.width / self.height

    @property
    def large(self) -> bool:
        """Whether it has the pixels to be sharp."""
        return self.width * self.height >= light.SIDE**2 / 2

    def correction(self, pose: Pose, template: Floats, *, whole: bool) -> Correction:
        """What lays the picture over the template; ``whole`` moves it by whole pixels only."""
        height, width = template.shape
        scale = np.diag([width / self.width, height / self.height, 1.0])
        scale[:2, 2] = (scale[[0, 1], [0, 1]] - 1) / 2  # pixels are counted at their middle
        warp = np.linalg.inv(scale) @ np.vstack([pose.warp, [0, 0, 1]]) @ scale
        moved = np.array(pose.shift) * np.sqrt(self.width * self.height)
        if whole:
            root = np.sqrt(height * width)
            moved = np.array(pose.shift) * root / (width, height) * (self.width, self.height)
            warp = np.eye(3)
            warp[:2, 2] = moved.round()
        words = f"moved by {np.hypot(*moved):.0f} px" + (
            "" if whole else f", turned by {pose.angle:.1f}°"
        )
        a, b, right, c, d, down = map(float, warp[:2].ravel())
        return Correction((a, b, right, c, d, down), words)


def _turned(own: complex, usual: complex) -> float:
    """Degrees from one grain to another, within ±90."""
    return float(np.degrees(np.angle(own * np.conj(usual))) / 2)


def _ratio(aspect: float) -> str:
    """A shape in words: 4:3, or 2.46:1."""
    nice = Fraction(aspect).limit_denominator(9)
    if nice.numerator < 20 and abs(float(nice) / aspect - 1) < 0.005:
        return f"{nice.numerator}:{nice.denominator}"
    return f"{aspect:.3g}:1" if aspect >= 1 else f"1:{1 / aspect:.3g}"


def _in_order(findings: Sequence[SetupFinding], correction: Correction | None) -> SetupCheck:
    kinds = list(SetupKind)
    return SetupCheck(
        tuple(sorted(findings, key=lambda it: kinds.index(it.kind))),
        None if findings else correction,
    )
