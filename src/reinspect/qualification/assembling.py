"""From looks to findings: what they say of the product, in numbers, pictures and advice."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.images import Pixels
from reinspect.qualification.damage import Drawing
from reinspect.qualification.detection import Detection, FalseCalls
from reinspect.qualification.findings import DamageExample, LookWorth
from reinspect.qualification.looks import PartLook
from reinspect.qualification.rehearsal import (
    ON_PICTURES,
    Attempt,
    Rehearsed,
    falsely_called,
)

EXAMPLES = 4
"""Just found, and as many just missed."""

_AROUND, _LEAST = 2.5, 96  # of a place, times its size; pixels
_SHOWN = 320  # pixels
_PAYS = 2  # labels fixed for each broken from which a second look pays


class Example(NamedTuple):
    """Damage at the limit of what is found, with its picture (JPEG)."""

    example: DamageExample
    picture: bytes

    @classmethod
    def of(cls, look: PartLook, number: int, picture: bytes) -> "Example":
        """The look's damage, the `number`th of those found, or of those missed."""
        said = DamageExample(
            picture=f"{'found' if look.detected else 'missed'}-{number}.jpg",
            kind=look.kind or "",
            size=look.size or 1,
            probability=look.final,
            detected=look.detected,
        )
        return cls(said, picture)


T = TypeVar("T")


def at_limit(looked: Iterable[T], look_of: Callable[[T], PartLook]) -> list[T]:
    """What is nearest to the threshold first."""
    return sorted(looked, key=lambda it: abs(look_of(it).final - 0.5))


def false_calls(looks: Sequence[PartLook]) -> FalseCalls:
    """References, each left out, that are called anomalous as they are."""
    good = [look for look in looks if look.kind is None and not look.varied]
    return FalseCalls.of(sum(look.detected for look in good), len(good))


def second_look_worth(name: str, looks: Sequence[PartLook]) -> LookWorth:
    """What the second look put right and made wrong."""
    taken = [look for look in looks if look.second is not None]
    turned = [look for look in taken if (look.first >= 0.5) is not look.detected]
    fixed = sum(look.detected is (look.kind is not None) for look in turned)
    return LookWorth(
        look=name,
        fixed=fixed,
        broken=len(turned) - fixed,
        taken=True,
        share=len(taken) / len(looks) if looks else None,
    )


def said_of_second_look(worth: LookWorth, where: str = "in the rehearsal") -> str:
    """Whether it pays: one sentence."""
    labels = "label" if worth.fixed == 1 else "labels"
    ledger = f"{worth.fixed} {labels} put right, {worth.broken} made wrong {where}"
    if not worth.fixed and not worth.broken:
        return f"It changed no label {where}."
    if worth.fixed >= _PAYS * max(1, worth.broken):
        return f"It pays: {ledger}."
    if worth.fixed > worth.broken:
        return f"It hardly pays: {ledger}."
    return f"It doesn't pay: {ledger}. `policies: {{trigger: {{kind: never}}}}` leaves it out."


def examples(
    rehearsed: Sequence[Rehearsed],
    image_of: Callable[[int], Pixels],
    drawing: Drawing = ON_PICTURES,
) -> list[Example]:
    """Damage just found and just missed: nearest to the threshold, a kind once.

    Args:
        rehearsed: all looks.
        image_of: a reference by its place.
        drawing: what drew the damage.
    """
    found = []
    strange = falsely_called([it.look for it in rehearsed])
    damaged = [it for it in rehearsed if it.attempt.kind and it.look.part not in strange]
    for detected in (True, False):
        kinds: dict[str, Rehearsed] = {}
        for one in at_limit(damaged, lambda it: it.look):
            if one.look.detected is detected:
                kinds.setdefault(one.attempt.kind or "", one)
        for number, one in enumerate(list(kinds.values())[:EXAMPLES]):
            picture = _pictured(one.attempt, image_of(one.attempt.owner), drawing)
            if picture is not None:
                found.append(Example.of(one.look, number, picture))
    return found


def advice(detection: Detection, references: int, enough: int) -> list[str]:
    """What would help most, one line each."""
    said = []
    if references < enough:
        said.append(
            f"Take more references: {references} say little of how good parts differ, {enough} do."
        )
    calls = detection.false_calls
    if calls and calls.n and calls.k > calls.n / 4:
        said.append(
            f"{calls.k} of {calls.n} references look anomalous beside the others: good parts "
            "differ more than so many references show. Take more, or steady light and place."
        )
    return said


def _pictured(attempt: Attempt, image: Pixels, drawing: Drawing) -> bytes | None:
    """The place and what lies around it, damage within the corners of a frame."""
    drawn = attempt.damaged(image, drawing)
    if drawn is None:
        return None
    return picture_of(drawn.image, drawn.mask)


def picture_of(image: Pixels, mask: npt.NDArray[np.bool_]) -> bytes:
    """The place of a mask and what lies around it, as JPEG; a frame around what is defective."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = int(max(_LEAST, _AROUND * max(bottom - top, right - left)))
    y = int(np.clip((top + bottom - side) // 2, 0, max(0, height - side)))
    x = int(np.clip((left + right - side) // 2, 0, max(0, width - side)))
    seen = image[y : y + side, x : x + side]
    scale = _SHOWN / max(seen.shape[:2])
    shown = cv2.resize(
        seen,
        None,
        fx=scale,
        fy=scale,
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
    )
    first = (round((left - x) * scale) - 8, round((top - y) * scale) - 8)
    last = (round((right - x) * scale) + 8, round((bottom - y) * scale) + 8)
    cv2.rectangle(shown, first, last, (255, 255, 255), 3, cv2.LINE_AA)
    cv2.rectangle(shown, first, last, (200, 90, 20), 1, cv2.LINE_AA)
    return cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
