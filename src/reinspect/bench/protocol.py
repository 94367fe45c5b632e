"""The bench protocol: from judged images to the figures of each category, before and after.

Three looks are reported for each category: `first`, the first verdict; `final`, the verdict in
force at the end; and `control`, the first verdict under a threshold that was fitted on the other
categories, i.e. what a better threshold alone would have given. How each is counted:

- Images that failed have no verdict: they count in `n`, in the final review, escape and overkill
  rates (by their disposition, which is REVIEW), and in `errors`; all other figures leave them out.
- First and control have no disposition: their escape and overkill rates take the forced label
  (normal = PASS, anomalous = FAIL), over images with a verdict; their review rate is 0.
- `aurc` and `accuracy_at_80_coverage` rank by max(p, 1 − p) for first and control, by reliability
  for final; a verdict that no monitor assessed ranks last.
- Boxes and types count where the look says anomalous. `f1_loc` takes good images and anomalous
  ones with true boxes, `f1_type` good images and anomalous ones with true types; `f1_type` is null
  for all categories when no verdict of the look names a type anywhere.
- `mask_iou` is the mean, over anomalous images whose mask marks something, of the IoU of the union
  of the look's masks with the truth; 0 where the look says normal or draws no mask; null for all
  categories when no verdict of the look has a mask anywhere.
- `pixel_auroc` takes all pixels of good images and of anomalous images whose mask marks something.
- The overall figures are means over the categories that have a value; `n`, `errors` and the ledger
  sum; `peak_memory` is the largest; `references` is null where the categories differ.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, model_validator

from reinspect import metrics
from reinspect.cost import ModelCost
from reinspect.images import Mask, decode_mask, fitted_mask, read_mask
from reinspect.metrics import Ledger
from reinspect.readings import Readings
from reinspect.trace import Trace
from reinspect.vocabulary import (
    Defect,
    NormalisedBox,
    Outcome,
    Probability,
    Seconds,
    Sha256,
    Truth,
    Value,
    Verdict,
)


class JudgedImage(Value):
    """One image of a bench: the truth, and what a run said of it."""

    image: str = Field(description="The sample's id.")
    category: str
    truth: Truth
    size: tuple[int, int] | None = Field(
        default=None,
        description="(width, height) at which the heat-map of an image without a mask counts; "
        "null: the map's own.",
    )
    first: Verdict | None = None
    final: Verdict | None = Field(
        default=None, description="The verdict in force; without a second look, the first."
    )
    outcome: Outcome
    reliability: Probability | None = Field(default=None, description="Of the final verdict.")
    rounds: int = Field(default=0, ge=0, description="Second looks taken.")
    seconds: Seconds = 0.0
    spent: ModelCost = Field(default=ModelCost(), description="On models.")
    sha256: Sha256 | None = Field(default=None, description="Of the picture's bytes.")
    first_map: str | None = Field(
        default=None,
        description="Heat-map file: .npz with one array, or a grey .png; one unit in all images.",
    )
    final_map: str | None = Field(
        default=None, description="The same after the second look; null: the first map stands."
    )
    error: str | None = Field(
        default=None, description="What failed, or why the picture was not judged."
    )

    @model_validator(mode="after")
    def _failed_or_judged(self) -> Self:
        if (self.first is None) != (self.final is None):
            raise ValueError(f"image {self.image!r} has one of first and final verdict, not both")
        if self.first is None and (self.error is None or self.outcome is not Outcome.REVIEW):
            raise ValueError(
                f"image {self.image!r} has no verdict: it needs an error and the outcome REVIEW, "
                f"not error {self.error!r} and {self.outcome.value}"
            )
        return self

    @classmethod
    def of(
        cls,
        trace: Trace,
        truth: Truth,
        *,
        size: tuple[int, int] | None = None,
        first_map: str | None = None,
        final_map: str | None = None,
    ) -> Self:
        """What a finished trace says of an image of known truth.

        Raises:
            ValueError: the sample has no category, or the trace neither a verdict nor an error.
        """
        if trace.sample.category is None:
            raise ValueError(f"sample {trace.sample.id!r} has no category to be counted in")
        read = Readings.of(trace)
        return cls(
            image=read.image,
            category=trace.sample.category,
            truth=truth,
            size=size,
            first=trace.first,
            final=trace.verdict,
            outcome=read.disposition,
            reliability=read.reliability,
            rounds=read.rounds,
            seconds=read.seconds,
            spent=ModelCost.of_trace(trace),
            sha256=read.sha256,
            first_map=first_map,
            final_map=final_map,
            error=read.error or _not_judged(trace),
        )


def _not_judged(trace: Trace) -> str | None:
    """Why a part has no verdict though nothing failed: its picture is not of the learned scene."""
    if trace.verdict is not None or trace.disposition is None:
        return None
    return trace.disposition.reason


class LookFigures(Value):
    """The figures of one look; null where the category cannot have them."""

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    n: int = Field(description="Images, those that failed included.")
    accuracy: float | None
    balanced_accuracy: float | None
    auroc: float | None
    f1_type: float | None
    f1_loc_30: float | None = Field(alias="f1_loc@0.3")
    f1_loc_50: float | None = Field(alias="f1_loc@0.5")
    mask_iou: float | None
    pixel_auroc: float | None
    ece: float | None
    aurc: float | None
    accuracy_at_80_coverage: float | None
    escape_rate: float | None
    overkill_rate: float | None
    review_rate: float | None


class CategoryReport(Value):
    """One category before and after, or the mean over all of them."""

    first: LookFigures
    final: LookFigures
    control: LookFigures | None = Field(
        description="Null where no other category has both good and defective images."
    )
    ledger: Ledger
    references: int | None = Field(description="Good images that the detector was given.")
    errors: int = Field(description="Images with a failure on record, or that were not judged.")
    seconds: float = Field(description="Mean time an image took, as the run recorded it.")
    peak_memory: float | None = Field(description="MB, as measured by the caller.")


class BenchReport(Value):
    """The bench of one recipe on one root."""

    categories: Mapping[str, CategoryReport]
    overall: CategoryReport

    def timed(self, seconds: Mapping[str, float]) -> "BenchReport":
        """The report with each category's time an image as measured by the caller instead."""
        timed = {
            name: report.model_copy(update={"seconds": seconds.get(name, report.seconds)})
            for name, report in self.categories.items()
        }
        return BenchReport(categories=timed, overall=mean_of(list(timed.values())))


class _LookedAt(NamedTuple):
    """An image through the eyes of one look."""

    item: JudgedImage
    probability: float
    reliability: float
    defects: tuple[Defect, ...]
    heat: str | None

    @property
    def anomalous(self) -> bool:
        return self.probability >= 0.5


class _Telling(NamedTuple):
    """What the verdicts of a look tell at all: what none of them does can't be counted against."""

    types: bool
    masks: bool

    @classmethod
    def of(cls, verdicts: Iterable[Verdict | None]) -> Self:
        defects = [defect for verdict in verdicts if verdict for defect in verdict.defects]
        return cls(bool(_names(defects)), any(defect.mask for defect in defects))


def score(
    items: Sequence[JudgedImage],
    references: Mapping[str, int],
    *,
    peak_memory: Mapping[str, float] | None = None,
) -> BenchReport:
    """The report of all images of a bench.

    Heat-maps and masks are read one at a time.

    Args:
        items: the images, in any order.
        references: for each category, how many good images the detector was given.
        peak_memory: for each category, MB.

    Raises:
        ValueError: no images, a category without an entry in `references`, or a heat-map that is
            no map.
        UnreadableImage: a mask cannot be read.
    """
    if not items:
        raise ValueError("no judged images: there is nothing to score")
    names = sorted({item.category for item in items})
    missing = [name for name in names if name not in references]
    if missing:
        raise ValueError(f"references name no count for category {missing[0]!r}")
    thresholds = _control_thresholds(items)
    first_tells = _Telling.of(item.first for item in items)
    final_tells = _Telling.of(item.final for item in items)
    categories = {}
    for name in names:
        mine = [item for item in items if item.category == name]
        first = _figures(_first(mine), n=len(mine), tells=first_tells)
        final = _figures(_final(mine), n=len(mine), tells=final_tells, settled=mine)
        threshold = thresholds.get(name)
        control = None
        if threshold is not None:
            # A threshold changes no rank and no map.
            control = _figures(
                _control(mine, threshold), n=len(mine), tells=first_tells
            ).model_copy(update={"auroc": first.auroc, "pixel_auroc": first.pixel_auroc})
        categories[name] = CategoryReport(
            first=first,
            final=final,
            control=control,
            ledger=_ledger(mine),
            references=references[name],
            errors=sum(item.error is not None for item in mine),
            seconds=float(np.mean([item.seconds for item in mine])),
            peak_memory=(peak_memory or {}).get(name),
        )
    return BenchReport(categories=categories, overall=mean_of(list(categories.values())))


def _first(items: Iterable[JudgedImage]) -> list[_LookedAt]:
    return [
        _LookedAt(item, v.probability, v.confidence, v.defects, item.first_map)
        for item in items
        if (v := item.first)
    ]


def _final(items: Iterable[JudgedImage]) -> list[_LookedAt]:
    return [
        _LookedAt(
            item,
            v.probability,
            item.reliability or 0.0,
            v.defects,
            item.final_map or item.first_map,
        )
        for item in items
        if (v := item.final)
    ]


def _control(items: Iterable[JudgedImage], threshold: float) -> list[_LookedAt]:
    seen = _first(items)
    probability = metrics.shift([look.probability for look in seen], threshold)
    reliability = metrics.confidence(probability)
    return [
        look._replace(probability=float(p), reliability=float(r), heat=None)
        for look, p, r in zip(seen, probability, reliability, strict=True)
    ]


def _control_thresholds(items: Iterable[JudgedImage]) -> Mapping[object, float | None]:
    seen = _first(items)
    return metrics.leave_one_group_out(
        [look.probability for look in seen],
        [look.item.truth.anomalous for look in seen],
        [look.item.category for look in seen],
    )


def _figures(
    seen: Sequence[_LookedAt],
    *,
    n: int,
    tells: _Telling,
    settled: Sequence[JudgedImage] | None = None,
) -> LookFigures:
    """The figures of one look; `settled` are the images whose dispositions count, if any."""
    probability = [look.probability for look in seen]
    truth = [look.item.truth.anomalous for look in seen]
    reliability = [look.reliability for look in seen]
    hit = metrics.right(probability, truth)
    if settled is None:
        outcomes = [Outcome.FAIL if look.anomalous else Outcome.PASS for look in seen]
        defective = truth
    else:
        outcomes = [item.outcome for item in settled]
        defective = [item.truth.anomalous for item in settled]
    boxes = [
        ([defect.box for defect in look.defects] if look.anomalous else [], look.item.truth.boxes)
        for look in seen
        if look.item.truth.boxes or not look.item.truth.anomalous
    ]
    types = [
        (_names(look.defects) if look.anomalous else [], look.item.truth.types)
        for look in seen
        if look.item.truth.types or not look.item.truth.anomalous
    ]
    return LookFigures(
        n=n,
        accuracy=metrics.accuracy(probability, truth),
        balanced_accuracy=metrics.balanced_accuracy(probability, truth),
        auroc=metrics.auroc(probability, truth),
        f1_type=_f1_type(types) if tells.types else None,
        f1_loc_30=_f1_loc(boxes, 0.3),
        f1_loc_50=_f1_loc(boxes, 0.5),
        mask_iou=metrics.mask_iou(_masks(seen)) if tells.masks else None,
        pixel_auroc=metrics.pixel_auroc(_maps(seen)),
        ece=metrics.ece(probability, truth),
        aurc=metrics.aurc(reliability, hit),
        accuracy_at_80_coverage=metrics.accuracy_at_coverage(reliability, hit, 0.8),
        escape_rate=metrics.escape_rate(outcomes, defective),
        overkill_rate=metrics.overkill_rate(outcomes, defective),
        review_rate=metrics.review_rate(outcomes),
    )


def _f1_loc(
    images: Sequence[tuple[Sequence[NormalisedBox], Sequence[NormalisedBox]]], threshold: float
) -> float | None:
    return metrics.f1_loc([p for p, _ in images], [t for _, t in images], threshold)


def _f1_type(images: Sequence[tuple[Sequence[str], Sequence[str]]]) -> float | None:
    return metrics.f1_type([p for p, _ in images], [t for _, t in images])


def _names(defects: Iterable[Defect]) -> list[str]:
    return [defect.type for defect in defects if defect.type]


def _ledger(items: Iterable[JudgedImage]) -> Ledger:
    twice = [item for item in items if item.rounds and item.first and item.final]
    return Ledger.count(
        [item.first.probability for item in twice if item.first],
        [item.final.probability for item in twice if item.final],
        [item.truth.anomalous for item in twice],
    )


def _masks(
    seen: Iterable[_LookedAt],
) -> Iterator[tuple[npt.NDArray[np.bool_] | None, npt.ArrayLike]]:
    """Predicted and true pixels of each anomalous image whose true pixels are known."""
    for look in seen:
        if (truth := _true_pixels(look.item)) is None:
            continue
        masks = [d.mask for d in look.defects if d.mask] if look.anomalous else []
        found = None
        for mask in masks:
            found = fitted_mask(decode_mask(mask), truth.shape) | (
                False if found is None else found
            )
        yield found, truth


def _true_pixels(item: JudgedImage) -> Mask | None:
    """The pixels that are defective, in the size of the picture; None where they aren't known."""
    if item.truth.mask is None or not (truth := read_mask(item.truth.mask)).any():
        return None
    return truth if item.size is None else fitted_mask(truth, item.size[::-1])


def _maps(seen: Iterable[_LookedAt]) -> Iterator[tuple[npt.NDArray[np.float32], npt.ArrayLike]]:
    """Heat-map and mask of each image that has a map and whose pixels' truth is known."""
    for look in seen:
        if look.heat is None:
            continue
        if not look.item.truth.anomalous:
            heat = _read_map(look.heat)
            if look.item.size:
                heat = _resized(heat, look.item.size)
            yield heat, np.zeros(heat.shape, dtype=bool)
        elif (mask := _true_pixels(look.item)) is not None:
            height, width = mask.shape
            yield _resized(_read_map(look.heat), (width, height)), mask


def _resized(heat: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _read_map(path: str) -> npt.NDArray[np.float32]:
    if Path(path).suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            if len(archive.files) != 1:
                raise ValueError(f"heat-map {path}: {len(archive.files)} arrays, expected one")
            heat = archive[archive.files[0]]
    else:
        heat = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
        if heat is None:
            raise ValueError(f"heat-map {path}: neither .npz nor a picture")
    if heat.ndim != 2:
        raise ValueError(f"heat-map {path}: shape {heat.shape}, expected (height, width)")
    return np.asarray(heat, dtype=np.float32)


def mean_of(categories: Sequence[CategoryReport]) -> CategoryReport:
    """Several categories in one: means over those that have a value, sums of counts."""
    controls = [category.control for category in categories if category.control]
    references = {category.references for category in categories}
    memory = [c.peak_memory for c in categories if c.peak_memory is not None]
    return CategoryReport(
        first=_mean([category.first for category in categories]),
        final=_mean([category.final for category in categories]),
        control=_mean(controls) if controls else None,
        ledger=sum((category.ledger for category in categories), start=Ledger()),
        references=references.pop() if len(references) == 1 else None,
        errors=sum(category.errors for category in categories),
        seconds=float(np.mean([category.seconds for category in categories])),
        peak_memory=max(memory, default=None),
    )


def _mean(looks: Sequence[LookFigures]) -> LookFigures:
    means: dict[str, float | None] = {}
    for name in LookFigures.model_fields:
        known = [value for look in looks if (value := getattr(look, name)) is not None]
        means[name] = float(np.mean(known)) if known else None
    return LookFigures.model_validate({**means, "n": sum(look.n for look in looks)})
